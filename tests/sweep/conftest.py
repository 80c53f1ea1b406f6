"""Sweeps that the tests of a file begin from: it names theirs in SWEEP."""

from __future__ import annotations

import shutil

import neurogeom as ng
import pytest
from helpers.stores import quick_plan


@pytest.fixture(scope="module")
def planned(request, tmp_path_factory):
    """A store of that sweep, as it was planned."""
    store = tmp_path_factory.mktemp("planned") / "s"
    quick_plan(**request.module.SWEEP, store=store)
    return store


@pytest.fixture(scope="module")
def finished(planned, tmp_path_factory):
    """One that has been run."""
    store = shutil.copytree(planned, tmp_path_factory.mktemp("finished") / "s")
    assert ng.sweep.run(store, n_threads=1).is_complete
    return store


@pytest.fixture
def fresh(planned, tmp_path):
    """A copy of the planned one for a single test."""
    return shutil.copytree(planned, tmp_path / "s")


@pytest.fixture
def store(finished, tmp_path):
    """A copy of the finished one for a single test."""
    return shutil.copytree(finished, tmp_path / "s")
