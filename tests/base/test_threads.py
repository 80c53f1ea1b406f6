"""Threads: the same bits for any number, progress, and how many there are by default."""

from __future__ import annotations

import math
import os
import re
import sys
import threading

import neurogeom as ng
import numpy as np
import pytest
from helpers.processes import run_python
from helpers.same_bits import assert_same_bits
from neurogeom._base import threads as _threads
from neurogeom.capacity import _mean_field_analysis


def make_clouds(seed=0, n_manifolds=11, n_features=40):
    """Manifolds of unequal size with correlated centres."""
    rng = np.random.default_rng(seed)
    shared = rng.normal(size=(2, n_features)) * 3
    return [
        rng.normal(size=n_features) + rng.normal(size=2) @ shared + rng.normal(size=(n, n_features))
        for n in rng.integers(2, 60, n_manifolds)
    ]


OPTIONS = {
    "plain": {},
    "margin": {"margin": 0.7},
    "kept": {"keep_anchors": True, "n_samples": 65},
    "null": {"null": 1, "n_restarts": 2},
    "no removal": {"remove_center_correlations": False, "n_samples": 2},
}


@pytest.mark.parametrize("name", OPTIONS)
def test_capacity_is_the_same_bits_for_any_number_of_threads(name):
    clouds, options = make_clouds(), {"rng": 5, "n_samples": 150} | OPTIONS[name]
    one = ng.manifold_capacity(clouds, n_threads=1, **options)
    assert (one.status == 0).all()
    for threads in (2, 3, 7):
        other = ng.manifold_capacity(clouds, n_threads=threads, **options)
        assert_same_bits(one.to_dict(), other.to_dict())


@pytest.mark.parametrize("name", OPTIONS)
def test_capacity_is_the_same_bits_for_any_size_of_groups(name, monkeypatch):
    clouds, options = make_clouds(), {"rng": 5, "n_samples": 150} | OPTIONS[name]
    X, labels = np.vstack(clouds), np.repeat(np.arange(len(clouds)), [len(c) for c in clouds])
    order = np.random.default_rng(1).permutation(len(X))
    results, groups = [], []
    plain = _mean_field_analysis.Analysis._groups

    def count_groups(self, *arguments):
        groups[-1].append(len(plain(self, *arguments)))
        return plain(self, *arguments)

    monkeypatch.setattr(_mean_field_analysis.Analysis, "_groups", count_groups)
    for size in (1, 200_000, 1 << 40):
        monkeypatch.setattr(_mean_field_analysis, "_GROUP_BYTES", size)
        groups.append([])
        results.append(
            [
                ng.manifold_capacity(given, **options).to_dict()
                for given in (clouds, ng.manifolds(X[order], labels[order]))
            ]
        )
    assert min(groups[0]) == len(clouds) > max(groups[1]) > 1 == max(groups[2])
    for other in results[1:]:
        assert_same_bits(tuple(results[0]), tuple(other))


def at_offset(array, offset):
    """A copy that begins `offset` bytes past a multiple of 64."""
    buffer = np.empty(array.nbytes + 128, dtype=np.uint8)
    start = -buffer.ctypes.data % 64 + offset
    copy = buffer[start : start + array.nbytes].view(array.dtype).reshape(array.shape)
    copy[...] = array
    return copy


def test_bits_do_not_depend_on_where_the_input_lies():
    """Vector instructions take the first elements singly up to an aligned address, if one lets them."""
    clouds, rng = make_clouds(n_manifolds=8, n_features=37), np.random.default_rng(0)
    X, labels = np.vstack(clouds), np.repeat(np.arange(len(clouds)), [len(c) for c in clouds])
    points, targets = rng.normal(size=(45, 23)), rng.normal(size=(130, 23))
    draws = rng.normal(size=(50, 38))
    results = []
    for offset in (0, 8, 16, 24, 32):
        held = [np.empty(1 + offset) for _ in range(50)]  # so that other memory lies elsewhere too
        moved = at_offset(X, offset)
        results.append(
            (
                ng.project_cone(at_offset(points, offset), at_offset(targets, offset)).to_dict(),
                ng.manifold_capacity(ng.manifolds(moved, labels), rng=1, n_samples=50).to_dict(),
                ng.manifold_capacity(
                    [at_offset(c, offset) for c in clouds], rng=1, keep_anchors=True, n_samples=50
                ).to_dict(),
                ng.manifold_capacity(
                    clouds, rng=1, n_samples=50, gaussians=at_offset(draws, offset)
                ).to_dict(),
            )
        )
        del held
    for other in results[1:]:
        assert_same_bits(results[0], other)


def test_given_draws_and_failed_manifolds_are_the_same_bits():
    clouds = make_clouds(n_manifolds=6)
    clouds[2] = clouds[2] - clouds[2].mean(axis=0) + np.vstack(clouds[:2] + clouds[3:]).mean(axis=0)
    draws = np.random.default_rng(0).normal(size=(30, 41))
    options = {"gaussians": draws, "n_samples": 30, "rng": 0, "remove_center_correlations": False}
    results = []
    for threads in (1, 2, 7):
        with pytest.warns(ng.ConvergenceWarning, match="manifold 2: the centre is zero"):
            results.append(ng.manifold_capacity(clouds, n_threads=threads, **options).to_dict())
    assert math.isnan(results[0]["capacity"][2])
    for other in results[1:]:
        assert_same_bits(results[0], other)


def count_calls(function, *arguments, **options):
    calls = []
    function(*arguments, progress=lambda done, total: calls.append((done, total)), **options)
    return calls


def check_calls(calls):
    assert calls, "no report at all"
    done, totals = zip(*calls, strict=True)
    assert len(set(totals)) == 1
    assert list(done) == sorted(done)
    assert min(done) >= 0
    assert calls[-1] == (totals[0], totals[0])


@pytest.mark.parametrize("n_threads", [1, 2])
@pytest.mark.parametrize("size", ["short", "long"])
def test_progress_of_cone(size, n_threads):
    rng = np.random.default_rng(0)
    points = rng.normal(size=(300, 100))
    targets = rng.normal(size=(4000 if size == "long" else 3, 100))
    calls = count_calls(ng.project_cone, points, targets, n_threads=n_threads)
    check_calls(calls)
    if size == "long":
        assert len(calls) > 2


@pytest.mark.parametrize("n_threads", [1, 2])
@pytest.mark.parametrize("null", [0, 3])
@pytest.mark.parametrize("n_samples", [10, 3000])
def test_progress_of_capacity(n_samples, null, n_threads):
    clouds = make_clouds(n_manifolds=20)
    options = {"n_samples": n_samples, "null": null, "n_threads": n_threads, "n_restarts": 1}
    check_calls(count_calls(ng.manifold_capacity, clouds, rng=0, **options))


class StopError(Exception):
    """Nothing that the library knows."""


def test_exception_in_the_callback_comes_out_as_it_is():
    rng = np.random.default_rng(0)
    points, targets = rng.normal(size=(300, 100)), rng.normal(size=(4000, 100))

    def stop(done, total):
        raise StopError(f"at {total}")

    for n_threads in (1, 2):
        with pytest.raises(StopError, match="at 4000"):
            ng.project_cone(points, targets, n_threads=n_threads, progress=stop)
        with pytest.raises(StopError, match="at 11"):
            ng.manifold_capacity(make_clouds(), n_samples=5000, n_threads=n_threads, progress=stop)
    assert ng.project_cone(points, targets[:3]).n_failed == 0  # nothing is left behind


@pytest.mark.parametrize("function", ["cone", "capacity"])
def test_progress_bar(function, capsys, monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    if function == "cone":
        ng.project_cone(np.eye(3), np.ones((5, 3)), progress=True)
    else:
        ng.manifold_capacity(make_clouds(), progress=True, rng=0)
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"\r{function}: ")
    assert re.search(r"100%\|[#█]+\| (\d+)/\1 \[", err)
    assert err.endswith("\n")
    # Nor does tqdm leave the thread that watches its bars, which a fork would lose.
    assert "TMonitor" not in {type(thread).__name__ for thread in threading.enumerate()}


SHOW = "from neurogeom._base import threads; print(threads.resolve_threads(None))"


@pytest.mark.parametrize(("value", "expected"), [("1", 1), ("3", 3), (" 5 ", 5), ("4,2", 4)])
def test_omp_num_threads(value, expected):
    assert run_python(SHOW, OMP_NUM_THREADS=value)[1] == str(expected)


@pytest.mark.parametrize("value", ["", "0", "-1", "many"])
def test_useless_omp_num_threads(value):
    assert run_python(SHOW, OMP_NUM_THREADS=value)[1] == str(_threads.available_cores())


def test_omp_num_threads_is_that_of_the_import():
    code = "import os, neurogeom; os.environ['OMP_NUM_THREADS'] = '9'; " + SHOW
    assert run_python(code, OMP_NUM_THREADS="3")[1] == "3"


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="needs affinity masks")
def test_affinity():
    core = min(os.sched_getaffinity(0))
    code = f"import os; os.sched_setaffinity(0, {{{core}}}); " + SHOW
    assert run_python(code, OMP_NUM_THREADS="")[1] == "1"
    assert run_python(code, OMP_NUM_THREADS="2")[1] == "2"  # said, so done


@pytest.mark.parametrize(("limit", "expected"), [(0.3, 1), (1.0, 1), (1.5, 2), (math.inf, 6)])
def test_cgroup_limit(limit, expected, monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(6)), raising=False)
    monkeypatch.setattr(_threads, "_cgroup_limit", lambda: limit)
    assert _threads.available_cores() == expected


def test_number_of_threads_is_an_int_of_the_user():
    assert _threads.resolve_threads(np.int64(5)) == 5
    assert _threads.resolve_threads(1) == 1
