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
from neurogeom.cli import main as cli

HERE = Path(__file__).resolve().parents[1]
NAMES = [f"net{k}" for k in range(6)]


def write_items(folder, names=NAMES, seed=0):
    """Write one .npy file for each name."""
    rng = np.random.default_rng(seed)
    folder.mkdir(exist_ok=True)
    arrays = {name: rng.normal(size=(20, 4 + k)) for k, name in enumerate(names)}
    for name, array in arrays.items():
        np.save(folder / f"{name}.npy", array)
    return arrays


def write_inputs(folder):
    """Write items to compare, and some that do not fit."""
    arrays = write_items(folder / "nets")
    write_items(folder / "more", ["net6", "net7"], seed=5)
    np.save(folder / "labels.npy", np.repeat(["a", "b", "c", "d"], 5))
    np.savez(folder / "two.npz", x=arrays["net0"], y=arrays["net1"], stimuli=np.arange(20))
    np.savez(folder / "shuffled.npz", x=arrays["net0"], stimuli=np.arange(20)[::-1])
    np.save(folder / "short.npy", arrays["net0"][:7])
    np.savez(folder / "maps.npz", x=arrays["net0"].reshape(20, 2, 2))
    return arrays


def command(folder, monkeypatch, capsys):
    """Give a function that runs ``neurogeom sweep`` in a folder: exit code, stdout and stderr."""
    monkeypatch.chdir(folder)
    for name in [name for name in os.environ if name.startswith("SLURM_")]:
        monkeypatch.delenv(name)

    def call(*argv):
        code = cli.main(["sweep", *map(str, argv)])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


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
        preexec_fn=_heed_interrupts,
    )
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate(timeout=10)


def _heed_interrupts():
    """Jobs in the background of a script, as CI may be, ignore Ctrl-C, and so would their children."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def await_tiles(store, count, process, timeout=25):
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
