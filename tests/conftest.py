"""How the tests run: in one process a core, each with one thread where a test does not ask for more."""

from __future__ import annotations

import os
import tempfile

import pytest
from hypothesis import settings

settings.register_profile("neurogeom", deadline=None)  # a busy machine is no fault
settings.load_profile("neurogeom")

if "PYTEST_XDIST_WORKER" in os.environ:  # before NumPy and neurogeom are imported, which read it once
    os.environ.setdefault("OMP_NUM_THREADS", "1")

# Files that touch no numbers, or whose tolerance is the error of many draws. All others are `kernels`, which
# .ci/run repeats with other BLAS kernels, instruction sets and versions of Python, NumPy and SciPy.
WITHOUT_NUMBERS = {
    "test_cli",
    "test_cli_compare",
    "test_cli_methods",
    "test_cli_sweep",
    "test_cli_sweep_inputs",
    "test_cli_sweep_stops",
    "test_codebase",
    "test_joint_simulated",
    "test_joint_statistics",
    "test_memory",
    "test_pairwise_memory",
    "test_pairwise_streaming_items",
    "test_plot",
    "test_plot_pairwise",
    "test_statistics",
    "test_sweep_bad_items",
    "test_sweep_extend",
    "test_sweep_faults_dask",
    "test_sweep_faults_plan",
    "test_sweep_faults_processes",
    "test_sweep_faults_storage",
    "test_sweep_items",
    "test_sweep_null_threads",
    "test_sweep_plan",
    "test_sweep_rdm_items",
    "test_sweep_review",
    "test_sweep_status",
    "test_sweep_store",
    "test_threads",
}


def pytest_collection_modifyitems(items):
    for item in items:
        if item.path.stem not in WITHOUT_NUMBERS:
            item.add_marker(pytest.mark.kernels)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers():
    """The cores that this process may use, not those of the machine; more than 8 only wait for each other."""
    from neurogeom._threads import available_cores

    return min(available_cores(), 8)


@pytest.fixture(scope="session", autouse=True)
def own_temporary_folder():
    """Tests that look at what is left in the folder for temporary files see that of their own process."""
    with tempfile.TemporaryDirectory(prefix="ng-") as folder, pytest.MonkeyPatch.context() as patch:
        patch.setenv("TMPDIR", folder)
        patch.setattr(tempfile, "tempdir", folder)
        yield
