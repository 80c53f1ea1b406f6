"""Standard normals of the core's two modules and of NumPy; see README.md for how to run."""

from __future__ import annotations

import importlib

import numpy as np
import pytest
from neurogeom import _core
from neurogeom._base import isa as _isa

N_ROWS, LENGTH = 2000, 100


def _modules():
    yield "baseline", _core
    if _isa.isa == "v3" or _core.supports_v3():
        try:
            yield "v3", importlib.import_module("neurogeom._core_v3")
        except ImportError:
            return


MODULES = dict(_modules())


@pytest.mark.parametrize("isa", MODULES)
def test_core(benchmark, isa):
    draws = benchmark(MODULES[isa].standard_normals, 1, 2, 3, N_ROWS, LENGTH)
    assert draws.shape == (N_ROWS, LENGTH)
    assert np.array_equal(draws, _core.standard_normals(1, 2, 3, N_ROWS, LENGTH))
    # Four standard errors of the mean and of the variance.
    assert abs(draws.mean()) < 4 / np.sqrt(draws.size)
    assert abs(draws.var() - 1) < 4 * np.sqrt(2 / draws.size)


def test_numpy(benchmark):
    draws = benchmark(np.random.default_rng(0).standard_normal, (N_ROWS, LENGTH))
    assert abs(draws.mean()) < 5 / np.sqrt(draws.size)
