"""Stands in for nothing: ``netrep.rbf_sampler`` is left out, and says so."""

from typing import Any


def __getattr__(name: str) -> Any:
    if name.startswith("__"):
        raise AttributeError(name)
    raise ImportError(
        f"neurogeom.compat.netrep has no rbf_sampler.{name}: random features of an RBF kernel are in "
        "sklearn.kernel_approximation.RBFSampler, and neurogeom.CKA(kernel='rbf') needs none"
    )
