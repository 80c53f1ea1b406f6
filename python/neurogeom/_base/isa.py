"""Picks the extension module for this CPU: ``_core_v3`` (AVX2, FMA) or ``_core`` (baseline).

The environment variable NEUROGEOM_ISA overrides the choice ("baseline" or "v3"), so that both can be tested.
The module gets LAPACK from SciPy, as function pointers; if any has an unexpected signature, Eigen is used.
"""

from __future__ import annotations

import ctypes
import importlib
import os
import re
from typing import TYPE_CHECKING

from scipy.linalg import cython_blas, cython_lapack

from .. import _core as _baseline

__all__ = ["build_info", "core", "isa"]

if TYPE_CHECKING:
    from .. import _core as core

    isa: str
else:

    def _pick():
        wanted = os.environ.get("NEUROGEOM_ISA", "auto").lower()
        if wanted not in ("auto", "baseline", "v3"):
            raise ImportError(f"NEUROGEOM_ISA must be auto, baseline or v3, not {wanted!r}")
        if wanted == "baseline" or (wanted == "auto" and not _baseline.supports_v3()):
            return _baseline, "baseline"
        try:
            return importlib.import_module(".._core_v3", __package__), "v3"
        except ImportError:
            if wanted == "v3":
                raise
            return _baseline, "baseline"

    def _signature(capsule):
        """C types of a capsule's function; SciPy's own names for double and float end in _d and _s."""
        name = ctypes.pythonapi.PyCapsule_GetName
        name.restype, name.argtypes = ctypes.c_char_p, [ctypes.py_object]
        found = name(capsule).decode()
        for ending, real in ("d", "double"), ("s", "float"):
            found = re.sub(rf"__pyx_t_\w+_{ending}\b", real, found)
        return found.replace(" ", "")

    def _give_lapack(module):
        capsules = {**cython_blas.__pyx_capi__, **cython_lapack.__pyx_capi__}
        wanted = module.lapack_signatures()
        if all(n in capsules and _signature(capsules[n]) == f"void({types})" for n, types in wanted):
            module.use_lapack([capsules[n] for n, _ in wanted])

    core, isa = _pick()
    _give_lapack(core)


def build_info() -> dict[str, str]:
    """Return how the extension module in use was built.

    Returns
    -------
    dict of str
        ``isa`` ("baseline" or "v3"; the environment variable NEUROGEOM_ISA overrides the choice),
        ``simd`` (instruction sets in Eigen's kernels), ``eigen``, ``compiler``, ``threads`` ("OpenMP" or
        "std::thread"), and ``dense`` ("LAPACK", which is SciPy's, or "Eigen").

    Examples
    --------
    >>> import neurogeom as ng
    >>> sorted(ng.build_info())
    ['compiler', 'dense', 'eigen', 'isa', 'simd', 'threads']
    """
    return {"isa": isa, **core.build_info()}
