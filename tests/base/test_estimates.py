"""Means and errors against their definitions, out of range and undefined."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.stats
from neurogeom._base.estimates import (
    mean_and_deviation,
    mean_and_error,
    mean_of_defined,
    root_sum_square,
)

VALUES = np.random.default_rng(0).normal(size=50) + 3
HOLES = np.insert(VALUES, [0, 20, 50], np.nan)


@pytest.mark.parametrize("values", [VALUES, HOLES])
def test_of_defined_values(values):
    assert mean_of_defined(values) == pytest.approx(VALUES.mean(), rel=1e-14)
    mean, error = mean_and_error(values)
    assert mean == pytest.approx(VALUES.mean(), rel=1e-14)
    assert error == pytest.approx(scipy.stats.sem(VALUES), rel=1e-13)
    mean, deviation = mean_and_deviation(values)
    assert (mean, deviation) == pytest.approx((VALUES.mean(), VALUES.std(ddof=1)), rel=1e-14)


def test_deviations_leave_out_what_is_infinite():
    assert mean_and_deviation([1.0, np.inf, 3.0, -np.inf]) == (2.0, math.sqrt(2))


@pytest.mark.parametrize("values", [[], [np.nan], [np.nan, np.nan]])
def test_nothing_has_no_mean(values):
    array = np.array(values, dtype=float)
    assert math.isnan(mean_of_defined(array))
    assert np.isnan(mean_and_error(array)).all()
    assert np.isnan(mean_and_deviation(array)).all()


def test_one_value_has_no_error():
    for function in (mean_and_error, mean_and_deviation):
        mean, error = function(np.array([2.0, np.nan]))
        assert mean == 2
        assert math.isnan(error)


@pytest.mark.parametrize("scale", [1e-300, 1.0, 1e300])
def test_squares_may_be_out_of_range(scale):
    assert root_sum_square(scale * np.array([3.0, -4.0])) == pytest.approx(5 * scale, rel=1e-15)
    assert mean_and_error(scale * VALUES)[1] == pytest.approx(scale * scipy.stats.sem(VALUES), rel=1e-13)


def test_roots_of_what_has_none():
    assert root_sum_square(np.zeros(3)) == 0
    assert root_sum_square(np.array([1.0, -np.inf])) == math.inf
    assert math.isnan(root_sum_square(np.array([1.0, np.nan])))
