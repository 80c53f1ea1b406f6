"""What the tables share: clocks, ratios as text, and a process that is held to one thread."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Sequence

# Some machines set these, which halves NumPy.
HANDICAPS = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def spent(call: Callable[[], object], clock: Callable[[], float] = time.process_time) -> float:
    """Seconds that a call takes."""
    start = clock()
    call()
    return clock() - start


def hold_to_one_thread() -> None:
    """Start this program again with one thread for all libraries and the BLAS kernel that fits this machine.

    Libraries read that when they are loaded.
    """
    if any(os.environ.get(name) != "1" for name in THREADS) or any(name in os.environ for name in HANDICAPS):
        for name in HANDICAPS:
            os.environ.pop(name, None)
        os.environ.update(dict.fromkeys(THREADS, "1"))
        os.execv(sys.executable, sys.orig_argv)


def show(value: float | None) -> str:
    """Render a ratio with two digits."""
    if value is None:
        return ""
    rounded = float(f"{value:.2g}")
    return f"{rounded:,.0f}x" if rounded >= 10 else f"{rounded:.1f}x"


def print_markdown(rows: Sequence[Sequence[str]]) -> None:
    """Print a table, the first row its head."""
    lines = [rows[0], [":--", *["--:"] * (len(rows[0]) - 1)], *rows[1:]]
    print("\n".join("| " + " | ".join(line) + " |" for line in lines))
