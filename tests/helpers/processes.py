"""Scripts in processes of their own: run, watched, interrupted and killed."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import textwrap
import time
from pathlib import Path

import psutil

TESTS = Path(__file__).resolve().parents[1]


def time_to_interrupt(setup, call, n_threads, delay):
    """Seconds from the signal to the KeyboardInterrupt; the clock is the same in all processes.

    Where others keep the cores busy, seconds of computing by each thread in that time, if it is below 10 s.
    """
    code = f"""\
import signal, sys, time
import numpy as np, neurogeom as ng
signal.signal(signal.SIGINT, signal.default_int_handler)
rng, n = np.random.default_rng(0), {n_threads}
{setup}
print("ready", flush=True)
try:
    {call}
except KeyboardInterrupt:
    print(time.monotonic(), time.process_time())
"""
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code)], stdout=subprocess.PIPE, text=True
    ) as child:
        try:
            assert child.stdout.readline() == "ready\n"
            time.sleep(delay)
            sent, before = time.monotonic(), sum(psutil.Process(child.pid).cpu_times()[:2])
            child.send_signal(signal.SIGINT)
            out, _ = child.communicate(timeout=30)
        finally:
            child.kill()
    assert out, "the call had ended before the signal"
    ended, after = map(float, out.split())
    wall, computing = ended - sent, (after - before) / n_threads
    return min(wall, computing) if wall < 10 else wall


def run_python(code, *arguments, timeout=60, **environment):
    """Run a script in a fresh interpreter; gives (exit code, stdout, stderr)."""
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), *map(str, arguments)],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=timeout,
    )
    return done.returncode, done.stdout.strip(), done.stderr


def wait_until(condition, seconds=20.0):
    """Wait for something that other processes do."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"it did not happen within {seconds} s"
        time.sleep(0.01)


class Child:
    """A process in a group of its own; leaving the context kills the whole group."""

    def __init__(self, command, **environment):
        # Files rather than pipes: grandchildren that survive hold pipes open.
        self._files = [tempfile.TemporaryFile("w+") for _ in range(2)]  # noqa: SIM115
        path = os.pathsep.join([str(TESTS), *(p for p in sys.path if p)])
        variables = {**os.environ, "PYTHONPATH": path, **environment}
        self._popen = subprocess.Popen(
            [sys.executable, "-X", "faulthandler", *map(str, command)],
            env={k: v for k, v in variables.items() if v is not None},
            stdout=self._files[0],
            stderr=self._files[1],
            start_new_session=True,
        )
        self.pid = self._popen.pid

    def __enter__(self):
        return self

    def __exit__(self, *error):
        try:
            self.kill_group()
            self._popen.wait(10)
        finally:
            for file in self._files:
                file.close()

    def kill_group(self):
        """SIGKILL to the process and all that it started."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)

    def is_running(self):
        """Say whether it has not ended yet."""
        return self._popen.poll() is None

    def send(self, number):
        """Send a signal to the process alone, if it has not ended yet."""
        self._popen.send_signal(number)

    def wait(self, seconds=20.0):
        """Wait for the end; gives the status and what it printed on both streams."""
        self._popen.wait(seconds)
        return self._popen.returncode, *self.output()

    def output(self):
        """What it has printed so far."""
        # Not by the position in the file, which the process writes at.
        return tuple(os.pread(file.fileno(), 1 << 20, 0).decode().strip() for file in self._files)


def script(code, *arguments, **environment):
    """Start a script."""
    return Child(["-c", textwrap.dedent(code), *arguments], **environment)


RUN = """
    import sys, neurogeom as ng
    try:
        print(ng.sweep.run(sys.argv[1], n_threads=1, trust=["helpers"]))
    except ng.sweep.SweepIncomplete as error:
        print("SweepIncomplete:", error)
        sys.exit(3)
"""
WORK = """
    import sys, neurogeom as ng
    store, rank, of = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    print(ng.sweep.work(store, rank=rank, of=of, n_threads=1, trust=["helpers"]))
"""
DASK = """
    import sys, neurogeom as ng
    from distributed import Client, LocalCluster
    if __name__ == "__main__":
        quiet = dict(dashboard_address=None, worker_dashboard_address=None)
        with LocalCluster(n_workers=2, threads_per_worker=1, **quiet) as cluster, Client(cluster) as client:
            for store in sys.argv[1:]:
                try:
                    print(ng.sweep.run(store, client, trust=["helpers"]))
                except ng.sweep.SweepIncomplete as error:
                    print("SweepIncomplete:", error)
"""


def dedented(code):
    """Take the indentation of a script away."""
    return textwrap.dedent(code)


def is_running(pid):
    """Say whether a process runs (dead ones that nobody has waited for do not)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
