"""Picks the extension module for this CPU: ``_core_v3`` (AVX2, FMA) or ``_core`` (baseline).

The environment variable NEUROGEOM_ISA overrides the choice ("baseline" or "v3"), so that both can be tested.
"""

from __future__ import annotations

import importlib
import os
from typing import TYPE_CHECKING

from . import _core as _baseline

__all__ = ["build_info", "core", "isa"]

if TYPE_CHECKING:
    from . import _core as core

    isa: str
else:

    def _pick():
        wanted = os.environ.get("NEUROGEOM_ISA", "auto").lower()
        if wanted not in ("auto", "baseline", "v3"):
            raise ImportError(f"NEUROGEOM_ISA must be auto, baseline or v3, not {wanted!r}")
        if wanted == "baseline" or (wanted == "auto" and not _baseline.supports_v3()):
            return _baseline, "baseline"
        try:
            return importlib.import_module("._core_v3", __package__), "v3"
        except ImportError:
            if wanted == "v3":
                raise
            return _baseline, "baseline"

    core, isa = _pick()


def build_info() -> dict[str, str]:
    """Say how the extension module in use was built.

    Returns
    -------
    dict of str
        ``isa`` ("baseline" or "v3"; the environment variable NEUROGEOM_ISA overrides the choice),
        ``simd`` (instruction sets in Eigen's kernels), ``eigen``, ``compiler``, and ``threads``
        ("OpenMP" or "std::thread").

    Examples
    --------
    >>> import neurogeom as ng
    >>> sorted(ng.build_info())
    ['compiler', 'eigen', 'isa', 'simd', 'threads']
    """
    return {"isa": isa, **core.build_info()}
