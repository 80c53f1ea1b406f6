"""Results that are equal to the last bit."""

from __future__ import annotations

import numpy as np


def assert_same_bits(first, second):
    """Equal fields through results, nested dicts and tuples; NaN is equal to NaN, and text of any width."""
    if hasattr(first, "to_dict"):
        assert type(first) is type(second)
        first, second = first.to_dict(), second.to_dict()
    if isinstance(first, dict):
        assert list(first) == list(second)
        for key in first:
            try:
                assert_same_bits(first[key], second[key])
            except AssertionError as error:
                raise AssertionError(f"{key}: {error}") from error
    elif isinstance(first, tuple):
        assert len(first) == len(second)
        for one, other in zip(first, second, strict=True):
            assert_same_bits(one, other)
    else:
        assert type(first) is type(second)
        np.testing.assert_array_equal(first, second)  # says where
        if isinstance(first, (np.ndarray, np.generic)) and first.dtype.kind != "U":
            assert first.dtype == second.dtype
            assert first.tobytes() == second.tobytes()
