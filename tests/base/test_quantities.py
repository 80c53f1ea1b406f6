"""Sizes and durations as people write them: the same with Dask and without."""

from __future__ import annotations

import sys

import pytest
from neurogeom._base.quantities import as_bytes, as_duration

# Dask's own tables are the oracle for what units mean.
dask = pytest.importorskip("dask.utils")
NUMBERS = ("1", "2.5", "0.3", "1200")

BYTES = [
    *((value, 2 * 10**9) for value in ("2GB", "2 GB", "2e9", 2e9, 2 * 10**9, "2000MB", "2000000 kB", "2g")),
    ("2GiB", 2 << 30),
    ("1.5 kib", 1536),
    (3e17, 3 * 10**17),  # which Python writes as 3e+17
]
DURATIONS = [
    (90, 90),
    ("5m", 300),
    ("1h30m", 5400),
    ("1h 30", 3630),
    ("02:00:00", 7200),
    ("1:30", 90),
    ("2 hours", 7200),
    ("1 Day", 86400),
    ("300ms", 0.3),
    ("1w", 604800),
]
NO_BYTES = ("", "GB", "2 foos", "1.2.3", "2e9e9", "1e999", "-5GB", "0", "0.2", True, None, "2i", "nan")
NO_DURATIONS = ("", "soon", "m", "5 parsecs", "-5m", "1e5", "5m!", "1:2:3:04", True, None)


@pytest.fixture(params=["with Dask", "without"])
def installed(request, monkeypatch):
    if request.param == "without":
        monkeypatch.setitem(sys.modules, "dask.utils", None)


@pytest.mark.usefixtures("installed")
class TestQuantities:
    @pytest.mark.parametrize(("value", "known"), BYTES)
    def test_bytes(self, value, known):
        assert as_bytes(value, "max_ram") == known

    @pytest.mark.parametrize(("value", "known"), DURATIONS)
    def test_durations(self, value, known):
        assert as_duration(value, "time_limit") == known

    @pytest.mark.parametrize("value", NO_BYTES)
    def test_no_bytes(self, value):
        with pytest.raises(ValueError, match="max_ram must be"):
            as_bytes(value, "max_ram")

    @pytest.mark.parametrize("value", NO_DURATIONS)
    def test_no_durations(self, value):
        with pytest.raises(ValueError, match="time_limit must be a duration"):
            as_duration(value, "time_limit")

    @pytest.mark.parametrize("unit", dask.byte_sizes)
    def test_units_of_bytes_are_those_of_dask(self, unit):
        for number in NUMBERS:
            if float(number) * dask.byte_sizes[unit] >= 1:
                assert as_bytes(number + unit, "max_ram") == int(float(number) * dask.byte_sizes[unit])

    @pytest.mark.parametrize("unit", dask.timedelta_sizes)
    def test_units_of_durations_are_those_of_dask(self, unit):
        for number in NUMBERS:
            assert as_duration(number + unit, "time_limit") == float(number) * dask.timedelta_sizes[unit]
