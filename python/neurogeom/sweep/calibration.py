"""Measures what a sweep will cost, in a separate process, as fast and as large as a worker will be."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from .._base.codec import Trust
from .._base.threads import single_threaded_blas
from .costs import Measurements, size_of
from .drafts import read_draft
from .errors import SweepError
from .store import require_zarr

# Seconds spent measuring items, if there are enough of them.
ITEM_SECONDS = 1.5
LONGEST_ITEMS = 20 * ITEM_SECONDS
MEMORY_INTERVAL = 0.002  # seconds between samples of the memory in use
_MOST_ITEMS = 64


def calibrate(folder: Path, trust: Trust) -> Measurements:
    """Measure a draft in a separate process, which trusts what this one does."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path or os.getcwd() for path in sys.path)}
    command = [sys.executable, "-c", f"from {__name__} import main; main()", str(folder), *trust]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        last = done.stderr.strip().splitlines()[-1:] or ["it was killed, perhaps for lack of memory"]
        raise SweepError(f"measuring a few items and pairs failed: {last[0]}")
    found = json.loads(done.stdout.splitlines()[-1])
    if "error" in found:
        raise ValueError(found["error"])
    return Measurements(**found)


def measure(folder: Path, trust: Trust) -> Measurements:
    """Measure a draft in this process."""
    with suppress(ImportError):  # not needed without a store; with one, its memory counts
        require_zarr()
    sweep = read_draft(folder, trust)
    with single_threaded_blas():
        return sweep.measure(folder)


def main() -> None:
    """Print, as JSON, the measurements of the draft named on the command line, or what is wrong."""
    try:
        result = dataclasses.asdict(measure(Path(sys.argv[1]), sys.argv[2:]))
    except (TypeError, ValueError, RuntimeError) as error:
        result = {"error": str(error) or repr(error)}
    print(json.dumps(result))


def spread(items: Sequence[Mapping[str, Any]]) -> list[int]:
    """Order the numbers of items: the largest first, then so that any first few cover all sizes."""
    order = sorted(range(len(items)), key=lambda k: (size_of(items[k]), k))
    count = min(len(order), _MOST_ITEMS)
    ranks = np.linspace(len(order) - 1, 0, count).round().astype(int)
    # A fixed shuffle, so that a draft is always measured on the same items.
    rest = np.random.default_rng(0).permutation(ranks[1:])
    return [order[k] for k in [ranks[0], *rest]]
