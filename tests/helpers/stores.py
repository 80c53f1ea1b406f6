"""Small sweeps for tests that are not about what a plan measures."""

from __future__ import annotations

import contextlib
import functools
import tempfile
from pathlib import Path
from unittest import mock

import neurogeom as ng
import numpy as np
from neurogeom.sweep import calibration as _calibrate
from neurogeom.sweep import planning as _plan
from neurogeom.sweep import prepared as _prepared

# The package of the metrics of tests, which stores name.
TRUST = ("helpers",)


def stack(count, n_stimuli=12, n_units=3, seed=0):
    """Unrelated items of one size."""
    return np.random.default_rng(seed).normal(size=(count, n_stimuli, n_units))


@contextlib.contextmanager
def short_measurements():
    """Have plans measure in this process and shortly: the seam by which tests do not wait for costs."""
    with (
        mock.patch.object(_prepared, "_PAIRING", 0.01),
        mock.patch.object(_plan, "calibrate", _calibrate.measure),
    ):
        yield


@functools.cache
def measured(kind):
    """Measure one sweep of each kind; what is measured decides about costs, not about results."""
    found = []
    jobs = ng.sweep.CapacityJobs(np.repeat([0, 1], 6), n_samples=10)
    with short_measurements():
        measure = _plan.calibrate
        with mock.patch.object(_plan, "calibrate", lambda *given: found.append(measure(*given)) or found[-1]):
            ng.sweep.plan(stack(3), jobs if kind == "capacity" else "procrustes")
    return found[0]


def quick_plan(items, metric="procrustes", **options):
    """Plan without measuring, as if the items were those of :func:`measured`."""
    jobs = (ng.sweep.CapacityJobs, ng.sweep.PredictionJobs)
    kind = "capacity" if isinstance(metric, jobs) else "pairs"
    known = measured(kind)
    with mock.patch.object(_plan, "calibrate", return_value=known):
        return ng.sweep.plan(items, metric, **options)


def swept(store, items, metric="procrustes", *, n_threads=1, **options):
    """Plan, run and read a sweep."""
    quick_plan(items, metric, store=store, **options)
    assert ng.sweep.run(store, n_threads=n_threads, trust=TRUST).is_complete
    return ng.sweep.open(store, trust=TRUST)


def chunks(store):
    """Finished tiles by name, each with what tells whether its file is still the same."""
    top = Path(store) / "values" / "c" / "0"
    files = {path: path.stat() for path in top.rglob("*") if path.is_file()}
    return {
        path.relative_to(top).as_posix().replace("/", "-"): (known.st_size, known.st_mtime_ns, known.st_ino)
        for path, known in files.items()
    }


@contextlib.contextmanager
def nothing_left(folder):
    """Expect that a folder, and the one for temporary files, have the same files afterwards."""
    before = sorted(Path(folder).rglob("*"))
    # One of its own: other processes that plan have drafts in the common one.
    with tempfile.TemporaryDirectory() as drafts, mock.patch.object(tempfile, "tempdir", drafts):
        yield
        assert list(Path(drafts).iterdir()) == []
    assert sorted(Path(folder).rglob("*")) == before
