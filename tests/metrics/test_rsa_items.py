"""RSA over many items: bits, mixtures of responses and measured dissimilarities, labels, input."""

from __future__ import annotations

import neurogeom as ng
import numpy as np
import pytest
import scipy.stats
from helpers.rdms import ANGULAR, COMPARISONS, compare, vectors
from helpers.references import reference_data
from scipy.spatial.distance import pdist, squareform

X, Y = reference_data("XY")
CORRELATING = tuple(name for name in COMPARISONS if "cosine" not in name)


# ---- the sweep


@pytest.fixture(scope="module")
def items():
    rng = np.random.default_rng(6)
    common = rng.standard_normal((23, 4))
    responses = [
        common @ rng.standard_normal((4, n)) + rng.standard_normal((23, n)) for n in (3, 37, 131, 8, 64)
    ]
    measured = [ng.RDM(rng.standard_normal(253), name=f"m{k}") for k in range(4)]
    coarse = [ng.RDM(np.round(rng.standard_normal(253)), name="coarse")]
    return [ng.Representation(data, name=f"r{k}") for k, data in enumerate(responses)] + measured + coarse


METRICS = [ng.RSA(rdm, how) for rdm in ("correlation", "sqeuclidean") for how in COMPARISONS]
METRICS += [ng.RSA("cosine", how, score="angular") for how in ANGULAR]


def test_same_bits_for_any_tile_and_thread_count(items):
    plain = ng.pairwise(items, METRICS, n_threads=1)
    for tile, n_threads in ((1, 1), (3, 2), (7, 5), (64, 3)):
        found = ng.pairwise(items, METRICS, tile=tile, n_threads=n_threads)
        for name, result in plain.items():
            np.testing.assert_array_equal(found[name].values, result.values, err_msg=name)
    for metric in METRICS[::3]:
        alone = metric.compare(items[1], items[5])
        assert plain[metric.name].values[1, 5] == alone
        across = ng.pairwise(items[:4], metric, others=items[4:], tile=2).values
        np.testing.assert_array_equal(across, plain[metric.name].values[:4, 4:])


def test_measured_and_computed_items_mix(items):
    found = ng.pairwise(items, ng.RSA("sqeuclidean", "pearson"))
    assert found.names.tolist() == [item.name for item in items]
    condensed = [
        item.condensed if isinstance(item, ng.RDM) else pdist(item.data, "sqeuclidean") for item in items
    ]
    np.testing.assert_allclose(found.values, np.corrcoef(condensed), atol=1e-12)
    computed = [item if isinstance(item, ng.RDM) else ng.rdm(item, "sqeuclidean") for item in items]
    again = ng.pairwise(computed, ng.RSA(compare="pearson"))
    np.testing.assert_array_equal(again.values, found.values)


def test_square_measured_rdm():
    x, y = vectors(7, 6)
    assert compare(squareform(x), y, "kendall") == compare(x, y, "kendall")


def test_missing_values_are_omitted_pair_by_pair():
    data = [X.copy(), Y.copy(), X + 0.1 * Y[:, :1]]
    data[0][3, 2] = np.nan
    data[1][[5, 6]] = np.nan
    found = ng.pairwise(data, "rsa", nan_policy="omit")
    keep = np.setdiff1d(np.arange(40), [3, 5, 6])
    assert found.values[0, 1] == ng.rsa(data[0][keep], data[1][keep])
    assert found.n_stimuli[0, 1] == 37
    measured = ng.RDM(pdist(X), ids=np.arange(40))
    found = ng.pairwise([measured, data[1]], ng.RSA("euclidean", "kendall"), nan_policy="omit")
    keep = np.setdiff1d(np.arange(40), [5, 6])
    assert found.values[0, 1] == pytest.approx(
        scipy.stats.kendalltau(pdist(X[keep]), pdist(Y[keep])).statistic, rel=1e-13, abs=0
    )


def test_names():
    assert ng.RSA().name == "rsa"
    assert ng.RSA("cosine", "kendall").name == "rsa-cosine-kendall"
    assert ng.RSA(score="angular").name == "rsa-angular"
    assert ng.RSA(score="angular", name="mine").name == "mine"
    found = ng.pairwise([X, Y], ["rsa", ng.RSA(compare="tau-a")])
    assert list(found) == ["rsa", "rsa-correlation-tau-a"]
    assert found["rsa"].values[0, 1] == ng.rsa(X, Y)


def test_equal_parts_are_one_part():
    sigma = np.diag(np.arange(1.0, 5))
    folds = [0, 0, 1, 1]
    options = {"rdm": "crossnobis", "noise_covariance": sigma}
    parts = {
        part
        for metric in (
            ng.RSA(**options, folds=folds),
            ng.RSA(**options, folds=np.array(folds) + 3, score="angular"),
            ng.RSA("crossnobis", noise_covariance=sigma.tolist(), folds=list("aabb"), name="other"),
        )
        for part in metric.parts()
    }
    assert len(parts) == 1
    others = [{"noise_covariance": 2 * sigma}, {"folds": [0, 1, 0, 1]}, {"compare": "pearson"}]
    for change in others:
        parts.update(ng.RSA(**({"folds": folds} | options | change)).parts())
    assert len(parts) == 1 + len(others)
    named = {**options, "stimuli": list("abab")}
    first, second = (ng.RSA(**named, folds=folds).parts() for folds in ([0, 0, 1, 1], [0, 1, 1, 0]))
    assert first != second
    assert ng.RSA(compare="kendall").parts() == ng.RSA(compare="tau-a").parts()


# ---- input


@pytest.mark.parametrize("how", COMPARISONS)
def test_rdms_without_variance(how):
    flat, other = np.full(10, 0.3), np.arange(10.0)
    barely = flat + 1e-17 * np.arange(10)
    if how in CORRELATING:
        for x in (flat, barely, 0 * flat, ng.rdm(np.eye(5) + 0.1, "sqeuclidean").condensed):
            with pytest.raises(ValueError, match=r"in X all 10 dissimilarities are equal|of X are zero"):
                compare(x, other, how)
        with pytest.raises(ValueError, match=r"representations\[1\] \('b'\)"):
            ng.pairwise({"a": np.eye(5) * [1, 2, 3, 4, 5], "b": np.eye(5)}, ng.RSA("sqeuclidean", how))
        with pytest.raises(ValueError, match="in X there is one dissimilarity"):
            compare([1.0], [2.0], how)
    else:
        assert -1 <= compare(flat, other, how) <= 1
        assert compare([1.0], [2.0], how) == pytest.approx(1)
        assert compare([1.0], [-2.0], how) == pytest.approx(-1)
        with pytest.raises(ValueError, match="all dissimilarities of Y are zero"):
            compare(other, 0 * flat, how)


@pytest.mark.parametrize("how", COMPARISONS)
@pytest.mark.parametrize("scale", [1e-300, 1e-8, 1e8, 1e300])
def test_measured_dissimilarities_of_any_scale(how, scale):
    x, y = vectors(9, 8)
    original = x.copy()
    assert compare(scale * x, y, how) == pytest.approx(compare(x, y, how), rel=1e-12, abs=0)
    assert compare(x.astype(np.float32), y, how) == pytest.approx(compare(x, y, how), rel=1e-5, abs=0)
    np.testing.assert_array_equal(x, original)


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        ({"rdm": "pearson"}, ValueError, "rdm must be one of 'sqeuclidean'.*, not 'pearson'"),
        ({"compare": "tau"}, ValueError, "compare must be one of 'pearson'.*, not 'tau'"),
        ({"score": "distance"}, ValueError, "score must be one of 'similarity', 'angular'"),
        ({"compare": "tau-a", "score": "angular"}, ValueError, "compare='tau-a' is not a cosine"),
        ({"stimulus_covariance": np.eye(3)}, ValueError, "stimulus_covariance belongs to 'cosine_cov' and"),
        (
            {"compare": "corr_cov", "stimulus_covariance": np.ones((3, 3))},
            ValueError,
            "not positive definite",
        ),
        ({"compare": "corr_cov", "stimulus_covariance": [1.0, -1.0]}, ValueError, "variance 1 is -1"),
        ({"noise_covariance": np.eye(3)}, ValueError, "noise_covariance belongs to 'mahalanobis'"),
        ({"rdm": "mahalanobis"}, ValueError, "rdm='mahalanobis' needs noise_covariance"),
        ({"rdm": "crossnobis"}, ValueError, "rdm='crossnobis' needs folds"),
    ],
)
def test_bad_options(options, error, text):
    with pytest.raises(error, match=text):
        ng.RSA(**options)
    if "score" not in options:
        with pytest.raises(error, match=text):
            ng.rsa(X, Y, **options)


def test_covariances_of_another_size():
    with pytest.raises(ValueError, match="X has 40 and Y has 3"):
        ng.RSA().similarity(X, ng.RDM([1.0, 2.0, 3.0]))
    with pytest.raises(ValueError, match="stimulus_covariance is for 4 stimuli, but X has 40"):
        ng.rsa(X, Y, compare="corr_cov", stimulus_covariance=np.eye(4))
    with pytest.raises(ValueError, match="noise_covariance is for 12 units, but Y has 9"):
        ng.rsa(X, Y, rdm="mahalanobis", noise_covariance=np.eye(12))


def test_rho_a_and_tau_a_have_no_angle():
    for how in ("rho-a", "tau-a"):
        with pytest.raises(ValueError, match="has no angle: use one of 'pearson', 'cosine'"):
            ng.RSA(compare=how).distance(X, Y)
