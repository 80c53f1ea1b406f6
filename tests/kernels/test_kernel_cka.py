"""Kernel objects as kernels of CKA: alone, between many, and through a store."""

from __future__ import annotations

import dataclasses
import subprocess
import sys

import neurogeom as ng
import numpy as np
import pytest
from helpers.stores import quick_plan

KERNEL = ng.kernels.NTK(3, "erf", bias_variance=0.1)
ITEMS = [np.random.default_rng(seed).normal(size=(20, 4 + seed)) for seed in range(4)]


@pytest.mark.parametrize("estimator", ["debiased", "biased", "lange"])
def test_it_is_cka_of_its_gram_matrices(estimator):
    X, Y = ITEMS[:2]
    found = ng.cka(X, Y, kernel=KERNEL, estimator=estimator)
    assert found == ng.cka(X, Y, kernel=lambda Z: KERNEL.gram(Z), estimator=estimator)
    assert ng.pairwise(ITEMS, ng.CKA(KERNEL, estimator)).square[0, 1] == pytest.approx(found, rel=1e-14)
    assert ng.CKA(KERNEL).name == "cka(ntk erf 3 biases 0.1)"


def test_depth_0_is_linear_cka():
    X, Y = ITEMS[:2]
    assert ng.cka(X, Y, kernel=ng.kernels.NNGP(0)) == pytest.approx(ng.cka(X, Y), rel=1e-12)
    # A bias of the last layer adds a constant, which centring removes.
    plain, shifted = (ng.kernels.NNGP(0, bias_variance=b) for b in (0.0, 2.0))
    assert ng.cka(X, Y, kernel=plain) == pytest.approx(ng.cka(X, Y, kernel=shifted), rel=1e-11)


def test_a_sweep_in_another_process_needs_no_trust(tmp_path):
    pytest.importorskip("zarr")
    for k, item in enumerate(ITEMS):
        np.save(tmp_path / f"{k}.npy", item)
    store = tmp_path / "s.zarr"
    quick_plan(str(tmp_path / "*.npy"), ng.CKA(kernel=KERNEL), store=store, tile=2)
    code = f"import neurogeom as ng; ng.sweep.work({str(store)!r}, n_threads=1)"
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
    found = ng.sweep.open(store)
    np.testing.assert_array_equal(found.square, ng.pairwise(ITEMS, ng.CKA(kernel=KERNEL)).square)
    assert found.metric == "cka(ntk erf 3 biases 0.1)"


@dataclasses.dataclass(frozen=True)
class Cosine:
    """A kernel object of a user's own, without a name."""

    power: int = 1

    def gram(self, X, *, n_threads):
        X = X / np.linalg.norm(X, axis=1, keepdims=True)
        return (X @ X.T) ** self.power


def test_objects_of_ones_own():
    X, Y = ITEMS[:2]
    found = ng.cka(X, Y, kernel=Cosine(3))
    assert found == ng.cka(X, Y, kernel=lambda Z: Cosine(3).gram(Z, n_threads=1))
    assert ng.CKA(kernel=Cosine()).name == "cka(Cosine)"


def test_refusals():
    with pytest.raises(TypeError, match=r"kernel must be an object, not a class: write NTK\(...\)"):
        ng.CKA(kernel=ng.kernels.NTK)
    with pytest.raises(TypeError, match="kernel must be hashable"):
        ng.CKA(kernel=dataclasses.make_dataclass("Own", [], namespace={"gram": Cosine.gram})())
    with pytest.raises(ValueError, match="kernel must be one of 'linear', 'rbf', not 'ntk'"):
        ng.CKA(kernel="ntk")
    vast = ng.kernels.NNGP(400, weight_variance=100.0)
    with pytest.raises(ValueError, match=r"the kernel of representations\[\d\]: .* after 400 layers"):
        ng.pairwise(ITEMS, ng.CKA(kernel=vast))
