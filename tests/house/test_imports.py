"""What ``import neurogeom`` imports: nothing that Windows lacks, and nothing that is not needed yet."""

from __future__ import annotations

import json
import subprocess
import sys

import neurogeom as ng
import numpy as np
import pytest


def run(code, *arguments):
    """What a new process prints, read as JSON."""
    line = [sys.executable, "-W", "error", "-c", code, *map(str, arguments)]
    return json.loads(subprocess.run(line, capture_output=True, text=True, check=True).stdout)


LATE = ["neurogeom.compat", "neurogeom.plot", "neurogeom.report", "neurogeom.sweep"]
OTHERS = ["dask", "distributed", "h5py", "matplotlib", "pandas", "safetensors", "tqdm", "xarray", "zarr"]


def test_what_is_not_needed_is_not_imported():
    code = "import json, sys, neurogeom; print(json.dumps(sorted(sys.modules)))"
    assert not {*LATE, *OTHERS, "neurogeom.cli"} & set(run(code))


def test_report_does_not_import_what_it_draws_with():
    code = "import json, sys, neurogeom.report, neurogeom.plot; print(json.dumps(sorted(sys.modules)))"
    assert "matplotlib" not in run(code)


def test_tab_completion_shows_what_is_imported_late():
    code = """
import json, neurogeom as ng
mftma = ng.compat.mftma
print(json.dumps([dir(ng), dir(ng.compat), dir(mftma), mftma.manifold_analysis.__name__]))
"""
    shown, compat, mftma, name = run(code)
    assert {name.rpartition(".")[2] for name in LATE} <= set(shown)
    assert set(ng.__all__) <= set(shown)
    assert [name for name in compat if name[0] != "_"] == [
        "correlated_capacity",
        "glue",
        "mftma",
        "netrep",
        "similarity",
    ]
    assert "manifold_analysis_correlation" in mftma
    assert "_shared" not in mftma
    assert name == "neurogeom.compat.mftma.manifold_analysis"


def test_other_names_are_errors():
    with pytest.raises(AttributeError, match="module 'neurogeom' has no attribute 'nothing'"):
        ng.nothing  # noqa: B018


def test_results_of_what_is_not_imported_yet_load(tmp_path):
    table = ng.sweep.CapacityTable(
        names=np.array(["a"]), seeds=np.array([3]), fields=("capacity",), values=np.array([[0.5]]), method="m"
    )
    table.save(tmp_path / "table.npz")
    code = """
import json, sys, neurogeom as ng
assert "neurogeom.sweep" not in sys.modules
print(json.dumps(float(ng.load(sys.argv[1])["capacity"][0])))
"""
    assert run(code, tmp_path / "table.npz") == 0.5


def test_without_what_windows_lacks():
    """Windows has no fcntl, no resource and no SIGHUP; the package imports there, and measures."""
    code = """
import json, signal, sys
sys.modules.update(dict.fromkeys(("fcntl", "grp", "pwd", "resource", "termios")))
del signal.SIGHUP
import neurogeom as ng, numpy as np
import neurogeom.cli.main
from neurogeom import compat, plot, report, sweep
clouds = np.random.default_rng(0).normal(size=(4, 6, 20))
print(json.dumps(ng.manifold_capacity(clouds, n_samples=20, rng=0).mean_capacity))
"""
    clouds = np.random.default_rng(0).normal(size=(4, 6, 20))
    assert run(code) == ng.manifold_capacity(clouds, n_samples=20, rng=0).mean_capacity
