"""Sizes and durations as people write them, read as Dask reads them, whether it is installed or not."""

from __future__ import annotations

import re
from typing import Any

_PREFIXES = "kmgtp"
_BYTES = {"": 1, "b": 1}
for _power, _prefix in enumerate(_PREFIXES, start=1):
    _BYTES |= dict.fromkeys((_prefix, f"{_prefix}b"), 1000**_power)
    _BYTES |= dict.fromkeys((f"{_prefix}i", f"{_prefix}ib"), 1024**_power)
_SECONDS: dict[str, float] = {}
for _unit, _word, _seconds in (
    ("s", "second", 1),
    ("ms", "millisecond", 1e-3),
    ("us", "microsecond", 1e-6),
    ("ns", "nanosecond", 1e-9),
    ("m", "minute", 60),
    ("h", "hour", 3600),
    ("d", "day", 86400),
    ("w", "week", 604800),
):
    _SECONDS |= dict.fromkeys((_unit, _word, f"{_word}s"), _seconds)


def as_bytes(value: Any, name: str) -> int:
    """Take a number of bytes: 3e9, "3GB", "512 MiB"."""
    found = re.fullmatch(r"([0-9.]+(?:e\+?[0-9]+)?)\s*([a-z]*)", str(value).strip(), re.IGNORECASE)
    try:
        if isinstance(value, bool) or found is None:
            raise ValueError
        size = _parse_bytes(found[1], found[2].lower())
    except (ValueError, KeyError, OverflowError):
        raise ValueError(f"{name} must be a number of bytes such as '3GB', not {value!r}") from None
    if size < 1:
        raise ValueError(f"{name} must be positive, not {value!r}")
    return size


def as_duration(value: Any, name: str) -> float:
    """Take a number of seconds: 90, "5m", "1h30m", "2 hours", "02:00:00"."""
    text = str(value).lower().replace(" ", "")
    if re.fullmatch(r"(\d+:)?\d+:\d\d", text):
        seconds = 0.0
        for part in text.split(":"):
            seconds = 60 * seconds + float(part)
        return seconds
    parts = re.findall(r"(\d+(?:\.\d+)?)([a-z]*)", text)
    try:
        if isinstance(value, bool) or not parts or "".join(a + b for a, b in parts) != text:
            raise ValueError
        return float(sum(_parse_seconds(number, unit or "s") for number, unit in parts))
    except (ValueError, KeyError):
        raise ValueError(f"{name} must be a duration such as '5m' or '1h30m', not {value!r}") from None


def format_seconds(seconds: float) -> str:
    """Write a duration for people."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"


def _parse_bytes(number: str, unit: str) -> int:
    try:
        from dask.utils import parse_bytes
    except ImportError:
        return int(float(number) * _BYTES[unit])
    return int(parse_bytes(number + unit))


def _parse_seconds(number: str, unit: str) -> float:
    try:
        from dask.utils import parse_timedelta
    except ImportError:
        return float(number) * _SECONDS[unit]
    return float(parse_timedelta(number + unit))
