"""convolve_metric: all shifts at once equal one shift after the other, in netrep's convention."""

from __future__ import annotations

import numpy as np
import pytest
from neurogeom.compat.netrep.conv_layers import convolve_metric
from neurogeom.compat.netrep.metrics import LinearCKA, LinearMetric, PermutationMetric

RNG = np.random.default_rng(0)
X = RNG.normal(size=(9, 3, 4, 5)) + 1
Y = np.roll(X, (-1, 1), axis=(1, 2)) @ RNG.normal(size=(5, 4)) + RNG.normal(size=(9, 3, 4, 4))


class Plain:
    """Hides what a metric is, so that it is called for each shift."""

    def __init__(self, metric):
        self.metric, self.zero_pad = metric, True

    def fit(self, X, Y):
        self.metric.fit(X, Y)

    def score(self, X, Y):
        return self.metric.score(X, Y)


@pytest.mark.parametrize("score_method", ["angular", "euclidean"])
@pytest.mark.parametrize("alpha", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("center_columns", [True, False])
def test_linear_metric(alpha, score_method, center_columns):
    metric = LinearMetric(alpha=alpha, score_method=score_method, center_columns=center_columns)
    found = convolve_metric(metric, X, Y)
    np.testing.assert_allclose(found, convolve_metric(Plain(metric), X, Y), rtol=1e-10)
    assert np.unravel_index(np.argmin(found), found.shape) == (3 // 2 - 1, 4 // 2 + 1)


@pytest.mark.parametrize("metric", [LinearMetric(parity=True), PermutationMetric(), LinearCKA()])
def test_other_metrics_are_called_for_each_shift(metric):
    found = convolve_metric(metric, X, Y[..., [0, 1, 2, 3, 3]])
    assert found.shape == (3, 4)
    x, y = np.roll(X, (1, -2), axis=(1, 2)).reshape(-1, 5), Y[..., [0, 1, 2, 3, 3]].reshape(-1, 5)
    metric.fit(x, y)
    assert found[2, 0] == metric.score(x, y)


def test_refused():
    with pytest.raises(ValueError, match=r"different numbers of units \(4, 5\) and zero_pad is False"):
        convolve_metric(LinearMetric(zero_pad=False), X, Y)
    with pytest.raises(ValueError, match=r"not \(9, 3, 4\) and \(8, 3, 4\)"):
        convolve_metric(LinearMetric(), X, Y[1:])
    with pytest.raises(ValueError, match="data must have four axes"):
        convolve_metric(LinearMetric(), X[0], Y[0])
    with pytest.raises(ValueError, match=r"is nan"):
        convolve_metric(LinearMetric(), np.where(X > 2, np.nan, X), Y)
