"""Values under permuted stimuli do not depend on the number of threads, for small and for large items."""

import shutil

import neurogeom as ng
import numpy as np
import pytest
from neurogeom.sweep import pairs as _pairs

pytest.importorskip("zarr")


@pytest.mark.parametrize("shape", [(12, 20), (310, 320)])
def test_null_by_threads(tmp_path, shape):
    rng = np.random.default_rng(0)
    items = rng.normal(size=(3, *shape))
    ng.sweep.plan(items, ["procrustes", "rsa"], store=tmp_path / "planned.zarr", null=2)
    found = []
    for n_threads in (1, 2):
        store = tmp_path / f"{n_threads}.zarr"
        shutil.copytree(tmp_path / "planned.zarr", store)
        ng.sweep.run(store, n_threads=n_threads)
        found.append(ng.sweep.open(store))
    for name, one in found[0].items():
        for field in ("values", "null_mean", "null_sd", "p_value"):
            assert getattr(one, field).tobytes() == getattr(found[1][name], field).tobytes()


def test_sizes_lie_on_both_sides_of_what_is_worth_threads():
    assert 12 * 12 * 20 < _pairs._WORTH_THREADS < 310 * 310 * 320
