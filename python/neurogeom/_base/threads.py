"""How many threads to use, and how to keep BLAS out of the way."""

from __future__ import annotations

import functools
import math
import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

from threadpoolctl import ThreadpoolController

from . import checks as _validate

# More than any machine has, less than what a C int or the system's limits would refuse.
_MOST_THREADS = 1024

_In = TypeVar("_In")
_Out = TypeVar("_Out")

# Read once at import: schedulers and nannies change the variable later, for their own purposes.
_OMP_NUM_THREADS = os.environ.get("OMP_NUM_THREADS", "")


def _cgroup_limit() -> float:
    """CPUs that the container may use (cgroup v2), infinite where there is no limit."""
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
        return math.inf if quota == "max" else int(quota) / int(period)
    except (OSError, ValueError):
        return math.inf


def available_cores() -> int:
    """Cores this process may use: affinity mask and cgroup quota."""
    try:
        cores = len(os.sched_getaffinity(0))
    except AttributeError:  # macOS, Windows
        cores = os.cpu_count() or 1
    return max(1, min(cores, math.ceil(min(_cgroup_limit(), cores))))


def resolve_threads(n_threads: int | None) -> int:
    """Turn the argument of public functions into a number of threads."""
    if n_threads is not None:
        return min(_validate.as_count(n_threads, "n_threads"), _MOST_THREADS)
    first = _OMP_NUM_THREADS.split(",")[0].strip()
    if first.isdigit() and int(first) > 0:
        return int(first)
    return available_cores()


@functools.cache
def _controller() -> ThreadpoolController:
    """Find the BLAS libraries once: looking through the process's maps takes longer than a small analysis."""
    return ThreadpoolController()


def blas_libraries() -> list[dict[str, Any]]:
    """Describe the BLAS libraries of the process."""
    return [library for library in _controller().info() if library.get("user_api") == "blas"]


def blas_of(package: ModuleType) -> str:
    """Describe the BLAS of NumPy or SciPy: library, version, the kernel that it picked, threads."""
    home = Path(package.__path__[0]).resolve()
    libraries = blas_libraries()
    # Wheels bring their own, inside or beside the package; else the one of the system serves all.
    homes = {home, home.with_name(f"{home.name}.libs")}
    own = [library for library in libraries if homes.intersection(Path(library["filepath"]).parents)]
    texts = [
        f"{x['internal_api']} {x['version'] or ''} {x.get('architecture', '')}, {x['num_threads']} threads"
        for x in own or libraries
    ]
    return "; ".join(" ".join(text.replace(" ,", ",").split()) for text in texts) or "unknown"


class _HeldBlas:
    """Holds BLAS to one thread from the first of any callers to the last.

    Nested calls and calls in other threads share it: if each restored what it found, BLAS would get its
    threads back while another caller is still computing.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._holders = 0
        self._limits: AbstractContextManager[Any] | None = None

    def __enter__(self) -> None:
        with self._lock:
            if self._holders == 0:
                self._limits = _controller().limit(limits=1, user_api="blas")
                self._limits.__enter__()
            self._holders += 1

    def __exit__(self, *error: object) -> None:
        with self._lock:
            self._holders -= 1
            if self._holders == 0 and self._limits is not None:
                self._limits.__exit__(None, None, None)
                self._limits = None

    def after_fork(self) -> None:
        """Start afresh in a child: its parent may have held BLAS or the lock at the fork."""
        self._lock = threading.Lock()
        self._holders = 0
        self._limits = None


_held_blas = _HeldBlas()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_held_blas.after_fork)


def single_threaded_blas() -> AbstractContextManager[Any]:
    """Hold NumPy's and SciPy's BLAS to one thread: results must not depend on its thread count."""
    return _held_blas


def map_threads(function: Callable[[_In], _Out], tasks: Sequence[_In], n_threads: int) -> list[_Out]:
    """Call a function on each task, in threads; results keep the order, and the first error stops it."""
    if n_threads == 1 or len(tasks) < 2:
        return [function(task) for task in tasks]
    with ThreadPoolExecutor(min(n_threads, len(tasks))) as pool:
        futures = [pool.submit(function, task) for task in tasks]
        try:
            return [future.result() for future in futures]
        except BaseException:
            pool.shutdown(wait=True, cancel_futures=True)
            raise
