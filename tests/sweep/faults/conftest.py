"""Sweeps that lose processes, disks and files."""

from __future__ import annotations

import signal

import pytest

TIMEOUT = 30


@pytest.fixture(autouse=True)
def bounded():
    """End a test that hangs; what it started is killed on the way out."""

    def end(*_):
        pytest.fail(f"not done after {TIMEOUT} s", pytrace=True)

    before = signal.signal(signal.SIGALRM, end)
    signal.alarm(TIMEOUT)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)
