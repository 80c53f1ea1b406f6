"""Sweeps carry errors and intervals: the same bits as in memory, for any tile, extension and resume."""

from __future__ import annotations

import neurogeom as ng
import numpy as np
import pytest
from helpers.stores import stack, swept
from neurogeom.inference import BOOTSTRAP_FIELDS, NULL_FIELDS

pytest.importorskip("zarr")

ITEMS = [*stack(2, 15, 3), *stack(2, 15, 5, seed=1)]
METRICS = ["procrustes", "cka", "ridge"]


@pytest.mark.parametrize("resample", ["stimuli", "both"])
def test_same_bits_as_in_memory(resample, tmp_path):
    options = {"bootstrap": 3, "resample": resample, "interval": "bca", "level": 0.9, "null": 3, "rng": 4}
    found = swept(tmp_path / "s", ITEMS, METRICS, tile=3, **options)
    known = ng.pairwise(ITEMS, METRICS, tile=2, **options)
    for name, one in known.items():
        for field in ("values", *NULL_FIELDS, *BOOTSTRAP_FIELDS):
            assert getattr(found[name], field).tobytes() == getattr(one, field).tobytes(), (name, field)
        assert found[name].identical == one.identical


def test_of_rows_with_columns_and_an_extension(tmp_path):
    options = {"bootstrap": 4, "interval": "basic", "rng": 1}
    found = swept(tmp_path / "a", ITEMS[:2], "cka", others=ITEMS[2:], tile=1, **options)
    known = ng.pairwise(ITEMS[:2], "cka", others=ITEMS[2:], **options)
    extended = swept(tmp_path / "b", ITEMS[:3], "cka", tile=2, **options)
    assert np.isfinite(extended.se[0, 1])
    ng.sweep.extend(tmp_path / "b", ITEMS[3:])
    ng.sweep.run(tmp_path / "b")
    extended, whole = ng.sweep.open(tmp_path / "b"), ng.pairwise(ITEMS, "cka", **options)
    for field in BOOTSTRAP_FIELDS:
        assert getattr(found, field).tobytes() == getattr(known, field).tobytes()
        assert getattr(extended, field).tobytes() == getattr(whole, field).tobytes()


def test_another_bootstrap_is_another_plan(tmp_path):
    swept(tmp_path / "s", ITEMS, "cka", bootstrap=4)
    for other in ({"bootstrap": 5}, {}, {"bootstrap": 4, "resample": "units"}):
        with pytest.raises(ng.sweep.SweepError, match=r"holds another plan: .*bootstrap"):
            ng.sweep.plan(ITEMS, "cka", store=tmp_path / "s", **other)
    with pytest.raises(ValueError, match="bootstrap belongs to sweeps over pairs"):
        ng.sweep.plan({"a": ITEMS[0]}, ng.sweep.CapacityJobs(np.arange(15) % 3), bootstrap=5)
