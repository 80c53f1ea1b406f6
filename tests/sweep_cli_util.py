"""Files, stores and processes for tests of ``neurogeom sweep``."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
from neurogeom.sweep import _calibrate, _plan

HERE = Path(__file__).resolve().parent
NAMES = [f"net{k}" for k in range(6)]


def write_items(folder, names=NAMES, seed=0):
    """Write one .npy file for each name."""
    rng = np.random.default_rng(seed)
    folder.mkdir(exist_ok=True)
    arrays = {name: rng.normal(size=(20, 4 + k)) for k, name in enumerate(names)}
    for name, array in arrays.items():
        np.save(folder / f"{name}.npy", array)
    return arrays


def plan_quickly(monkeypatch):
    """Measure in this process, and shortly."""
    monkeypatch.setattr(_calibrate, "_PAIRING", 0.01)
    monkeypatch.setattr(_plan, "calibrate", _calibrate.measure)


def environment(**more):
    """Let processes find the metrics of the tests."""
    paths = [str(HERE), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths), **more}


@contextlib.contextmanager
def started(*argv, **more):
    """Start the command in a process group of its own, of which nothing is left in the end."""
    process = subprocess.Popen(
        [sys.executable, "-m", "neurogeom", "sweep", *map(str, argv)],
        env=environment(**more),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate(timeout=10)


def await_tiles(store, count, process, timeout=20):
    """Wait until a store has so many tiles and another one is being computed."""
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        if len(tiles_of(store)) >= count and markers_of(store):
            return
        assert process.poll() is None, process.communicate()
        time.sleep(0.02)
    raise AssertionError("no tile was computed in time")


def tiles_of(store):
    """Files of the finished tiles."""
    files = Path(store, "values", "c").rglob("*")
    return sorted(path for path in files if path.is_file() and path.name.isdigit())


def markers_of(store):
    """Tries under way, or of dead processes."""
    folder = Path(store, "attempts")
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []
