"""How long a call goes on after Ctrl-C."""

from __future__ import annotations

import signal
import subprocess
import sys
import textwrap
import time

import psutil


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
