"""How the tests run: in one process a core, each with one thread where a test does not ask for more."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("neurogeom", deadline=None)  # a busy machine is no fault
settings.load_profile("neurogeom")

if "PYTEST_XDIST_WORKER" in os.environ:  # before NumPy and neurogeom are imported, which read it once
    os.environ.setdefault("OMP_NUM_THREADS", "1")

HERE = Path(__file__).parent

# Files that touch no numbers, or whose tolerance is the error of many draws. All others are `kernels`, which
# .ci/run repeats with other BLAS kernels, instruction sets and versions of Python, NumPy and SciPy.
WITHOUT_NUMBERS = {
    "base/test_forks",
    "base/test_interrupts",
    "base/test_threads",
    "capacity/test_joint_simulated",
    "capacity/test_joint_statistics",
    "capacity/test_memory",
    "capacity/test_statistics",
    "cli/test_compare",
    "cli/test_generalization",
    "cli/test_main",
    "cli/test_methods",
    "cli/test_sweep",
    "cli/test_sweep_inputs",
    "cli/test_sweep_stops",
    "house/test_layers",
    "house/test_sources",
    "pairs/test_blocks_of_files",
    "pairs/test_memory",
    "report/test_embeddings",
    "report/test_figures",
    "report/test_generalization",
    "report/test_heatmaps",
    "report/test_profiles",
    "sweep/faults/test_dask",
    "sweep/faults/test_plan",
    "sweep/faults/test_processes",
    "sweep/faults/test_storage",
    "sweep/test_bad_items",
    "sweep/test_completeness",
    "sweep/test_extension",
    "sweep/test_items",
    "sweep/test_planning",
    "sweep/test_store",
}


def pytest_collection_modifyitems(items):
    for item in items:
        if item.path.relative_to(HERE).with_suffix("").as_posix() not in WITHOUT_NUMBERS:
            item.add_marker(pytest.mark.kernels)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers():
    """The cores that this process may use, not those of the machine; more than 8 only wait for each other."""
    from neurogeom._base.threads import available_cores

    return min(available_cores(), 8)


@pytest.fixture(scope="session", autouse=True)
def own_temporary_folder():
    """Tests that look at what is left in the folder for temporary files see that of their own process."""
    with tempfile.TemporaryDirectory(prefix="ng-") as folder, pytest.MonkeyPatch.context() as patch:
        patch.setenv("TMPDIR", folder)
        patch.setattr(tempfile, "tempdir", folder)
        yield
