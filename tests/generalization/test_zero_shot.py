"""Zero-shot errors: the reference, prototypes that are turned, and names."""

from __future__ import annotations

import neurogeom as ng
import numpy as np
import pandas as pd
import pytest
from helpers.clouds import gaussian_clouds
from helpers.systems import FEWSHOT, reference_classes
from scipy.linalg import orthogonal_procrustes
from scipy.stats import ortho_group

OFF = ~np.eye(4, dtype=bool)


def test_reference_values():
    X = reference_classes()
    Y = X.mean(axis=1) + 0.3 * np.random.default_rng(3).standard_normal((4, 12))
    found = ng.zero_shot_error(X, Y, align="none")
    np.testing.assert_allclose(found.snr[OFF], np.array(FEWSHOT["zero_shot"]["SNR"])[OFF], atol=1e-8)
    np.testing.assert_allclose(found.error[OFF], np.array(FEWSHOT["zero_shot"]["error"])[OFF], atol=1e-9)
    assert np.isnan(np.diagonal(found.error)).all()


def turned(means, n_dimensions, seed=0):
    """The same points in another space."""
    rng = np.random.default_rng(seed)
    turn, _ = np.linalg.qr(rng.standard_normal((n_dimensions, n_dimensions)))
    return 3.7 * means @ turn[: means.shape[1]] + rng.standard_normal(n_dimensions)


@pytest.mark.parametrize("scale", ["norm", "least_squares"])
def test_turned_means_are_found_again(scale):
    # More classes than dimensions: the fit of the others is exact.
    X = gaussian_clouds(9, 14, 5, spread=0.8)
    means = np.stack([cloud.mean(axis=0) for cloud in X])
    expected = ng.zero_shot_error(X, means, align="none")
    found = ng.zero_shot_error(X, turned(means, 7), scale=scale)
    np.testing.assert_allclose(found.snr, expected.snr, rtol=1e-9)
    np.testing.assert_array_equal(found.error, expected.error)


def test_no_prototype_takes_part_in_its_own_fit():
    X = gaussian_clouds(8, 14, 4, spread=0.8)
    means = np.stack([cloud.mean(axis=0) for cloud in X])
    Y = means @ ortho_group.rvs(4, random_state=2) + 0.3 * np.random.default_rng(1).standard_normal((8, 4))
    mapped = np.empty_like(Y)
    for k in range(8):
        rest = np.arange(8) != k
        y, mu = Y[rest] - Y[rest].mean(axis=0), means[rest] - means[rest].mean(axis=0)
        turn, _ = orthogonal_procrustes(y, mu)
        factor = np.linalg.norm(mu) / np.linalg.norm(y)
        mapped[k] = means[rest].mean(axis=0) + factor * (Y[k] - Y[rest].mean(axis=0)) @ turn
    expected = ng.zero_shot_error(X, mapped, align="none")
    found = ng.zero_shot_error(X, Y)
    np.testing.assert_allclose(found.snr, expected.snr, rtol=1e-9)
    np.testing.assert_array_equal(found.error, expected.error)


def test_mean_error_counts_shared_points():
    X = gaussian_clouds(4, 40, 6, spread=1.5)
    means = np.stack([cloud.mean(axis=0) for cloud in X])
    found = ng.zero_shot_error(X, means, align="none")
    variance = 0.0
    for cloud in X:
        wrong = []
        for point in cloud:
            near = ((point - means) ** 2).sum(axis=1)
            own = near[[np.array_equal(cloud, other) for other in X]][0]
            wrong.append((near < own).sum() / 3)
        variance += np.var(wrong, ddof=1) / 40
    assert found.mean_error_se == pytest.approx(np.sqrt(variance) / 4, rel=1e-9)


def test_prototypes_by_name():
    X = dict(zip("abc", gaussian_clouds(3, 8, 4), strict=True))
    Y = {name: cloud.mean(axis=0) for name, cloud in X.items()}
    found = ng.zero_shot_error(X, {name: Y[name] for name in "cab"}, align="none")
    np.testing.assert_array_equal(
        found.snr, ng.zero_shot_error(X, np.stack(list(Y.values())), align="none").snr
    )
    with pytest.raises(ValueError, match=r"\['c'\] are missing; \['d'\] are no classes"):
        ng.zero_shot_error(X, {"a": Y["a"], "b": Y["b"], "d": Y["c"]})


def test_rows_of_a_dataframe_go_by_their_names():
    X = dict(zip("abc", gaussian_clouds(3, 8, 4), strict=True))
    Y = pd.DataFrame(np.stack([cloud.mean(axis=0) for cloud in X.values()]), index=list(X))
    expected = ng.zero_shot_error(X, Y.to_numpy(), align="none")
    np.testing.assert_array_equal(ng.zero_shot_error(X, Y.iloc[::-1], align="none").snr, expected.snr)
    with pytest.raises(ValueError, match="must have the names of the classes"):
        ng.zero_shot_error(X, Y.set_axis(["a", "b", "d"]), align="none")


def test_what_is_refused():
    X = gaussian_clouds(3, 8, 4)
    with pytest.raises(ValueError, match='prototypes have 5 dimensions, the classes 4: align="procrustes"'):
        ng.zero_shot_error(X, np.eye(3, 5), align="none")
    with pytest.raises(ValueError, match="at least 3 classes"):
        ng.zero_shot_error(X[:2], np.eye(2, 4))
    with pytest.raises(ValueError, match="a row for each of the 3 classes, not 2"):
        ng.zero_shot_error(X, np.eye(2, 4))
    with pytest.raises(ValueError, match="are the same: there is nothing to align"):
        ng.zero_shot_error(X, np.ones((3, 4)))
    with pytest.raises(ValueError, match=r"prototypes\[1, 0\] is nan"):
        ng.zero_shot_error(X, [[1.0, 2.0], [np.nan, 0.0], [0.0, 1.0]])
