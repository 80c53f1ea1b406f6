"""Errors and intervals of pairs under resampling: against loops over resampled items, and same bits."""

from __future__ import annotations

import neurogeom as ng
import numpy as np
import pytest
from neurogeom.inference import BOOTSTRAP_FIELDS, Bootstrap, left_out, summarize_bootstrap

METRICS = ["procrustes", "cca", "ridge", ng.CKA(estimator="biased")]
N_DRAWS = 40
SEED = 3

_rng = np.random.default_rng(1)
_common = _rng.normal(size=(30, 3))
ITEMS = [_common @ _rng.normal(size=(3, n)) + 0.7 * _rng.normal(size=(30, n)) for n in (4, 3, 6)]
UPPER = np.triu_indices(3, 1)


def key_of(seed):
    return int(np.random.default_rng(seed).integers(0, 2**64, dtype=np.uint64))


def looped(metric, kind):
    """Values of all draws of one series, from items that are resampled one by one."""
    found = []
    for draw in Bootstrap(N_DRAWS, key_of(SEED)).draws(kind):
        items = []
        for number, item in enumerate(ITEMS):
            stimuli, units = draw.of_stimuli(len(item)), draw.of_units(item.shape[1], number)
            item = item if stimuli is None else item[stimuli]
            items.append(item if units is None else item[:, units])
        found.append(ng.pairwise(items, metric).values)
    return np.array(found)


KINDS = {"stimuli": (True, False), "units": (False, True), "both": (True, True)}


@pytest.mark.parametrize("metric", METRICS, ids=str)
@pytest.mark.parametrize("resample", ["stimuli", "units"])
def test_against_resampled_items(metric, resample):
    found = ng.pairwise(
        ITEMS, metric, bootstrap=N_DRAWS, resample=resample, interval="basic", level=0.8, rng=SEED
    )
    draws, plain = looped(metric, KINDS[resample]), ng.pairwise(ITEMS, metric)
    assert found.values.tobytes() == plain.values.tobytes()
    tails = np.quantile(draws, [0.9, 0.1], axis=0)
    known = draws.std(axis=0, ddof=1), draws.mean(axis=0) - plain.values, *(2 * plain.values - tails)
    for field, expected in zip(BOOTSTRAP_FIELDS, known, strict=True):
        np.testing.assert_allclose(getattr(found, field)[UPPER], expected[UPPER], rtol=1e-9, atol=1e-12)


def test_of_stimuli_and_units():
    found = ng.pairwise(ITEMS, bootstrap=N_DRAWS, resample="both", interval="basic", rng=SEED)
    stimuli, units, both = (looped("procrustes", kind).var(axis=0, ddof=1)[UPPER] for kind in KINDS.values())
    variance = np.maximum(np.minimum(2 * (stimuli + units) - both, both), np.maximum(stimuli, units))
    np.testing.assert_allclose(found.se[UPPER], np.sqrt(variance), rtol=1e-9)


def test_variance_of_crossed_samples_is_that_of_a_mean():
    """For the mean of a matrix the two-factor variance is known: a + b + c, not a + b + 3 c."""
    rng = np.random.default_rng(0)
    m, n, count = 40, 30, 1500
    table = rng.normal(size=(m, 1)) + rng.normal(size=n) + rng.normal(size=(m, n)) * 6
    bootstrap = Bootstrap(count, 7, "both", "basic")
    draws = []
    for kind in bootstrap.kinds:
        series = []
        for draw in bootstrap.draws(kind):
            rows, columns = draw.of_stimuli(m), draw.of_units(n, 0)
            some = table if rows is None else table[rows]
            series.append((some if columns is None else some[:, columns]).mean())
        draws.append(np.array(series)[:, None])
    observed = np.array([table.mean()])
    se = summarize_bootstrap(bootstrap, observed, draws)[0][0]
    within = table - table.mean(axis=0) - table.mean(axis=1)[:, None] + table.mean()
    a, b, c = table.mean(axis=1).var() / m, table.mean(axis=0).var() / n, within.var() / (m * n)
    # a and b, of means over the other factor, hold c once each up to 1 / m and 1 / n.
    expected = 2 * (a + b) - (a + b + c)
    # Standard error of 2 (V1 + V2) - V3 from `count` draws each.
    error = np.sqrt(2 / count * (4 * a**2 + 4 * b**2 + (a + b + c) ** 2))
    assert abs(se**2 - expected) < 4 * error


@pytest.mark.parametrize("resample", KINDS)
def test_same_bits_by_tiles_and_threads_and_beside(resample):
    options = {"bootstrap": 4, "resample": resample, "rng": 2}
    known = ng.pairwise(ITEMS, ["cka", "ridge", "rsa"], tile=3, **options)
    found = ng.pairwise(ITEMS, ["ridge", "cka"], tile=1, n_threads=2, **options)
    for name, one in found.items():
        for field in BOOTSTRAP_FIELDS:
            assert getattr(one, field).tobytes() == getattr(known[name], field).tobytes(), (name, field)


def test_bca_is_that_of_scipy():
    """Same draws: SciPy's interval from the same formula, for the mean of numbers."""
    stats = pytest.importorskip("scipy.stats")
    data = np.random.default_rng(0).exponential(size=25)
    known = stats.bootstrap((data,), np.mean, n_resamples=500, method="BCa")
    draws = known.bootstrap_distribution[:, None]
    without = np.array([data[kept].mean() for kept in left_out(25)])[:, None]
    _, _, lower, upper = summarize_bootstrap(Bootstrap(500, 0), data.mean(keepdims=True), [draws], [without])
    assert lower[0] == pytest.approx(known.confidence_interval.low, rel=1e-12)
    assert upper[0] == pytest.approx(known.confidence_interval.high, rel=1e-12)


def test_resamples_without_a_value_are_left_out_or_counted():
    """Of two stimuli, half of the resamples do not vary: there is no error then."""
    found = ng.pairwise([item[:2] for item in ITEMS], bootstrap=20)
    assert np.isfinite(found.values).all()
    for field in BOOTSTRAP_FIELDS:
        assert np.isnan(getattr(found, field)).all()


def test_z_and_calibrated():
    items = [ITEMS[0], ITEMS[0] @ np.linalg.qr(np.eye(4) + 1)[0], ITEMS[2]]
    found = ng.pairwise(items, "procrustes", null=20)
    z = (found.values - found.null_mean) / found.null_sd
    np.testing.assert_allclose(found.z[UPPER], z[UPPER])
    np.testing.assert_allclose(found.calibrated[UPPER], 1 - (found.values / found.null_mean)[UPPER])
    assert found.calibrated[0, 1] == pytest.approx(1, abs=1e-7)
    alone = ng.pairwise(items, "ridge", null=3)
    own = np.diagonal(alone.values)
    best = (own[0] + own[1]) / 2
    expected = (alone.values - alone.null_mean)[0, 1] / (best - alone.null_mean[0, 1])
    assert alone.calibrated[0, 1] == pytest.approx(expected)
    assert np.isnan(ng.pairwise(items, "ridge", others=items, null=3).calibrated).all()
    with pytest.raises(ValueError, match=r"there is no null: compute the pairs with null=1000"):
        _ = ng.pairwise(items).z


def test_fields_are_kept_in_files_and_tables(tmp_path):
    result = ng.pairwise(ITEMS, bootstrap=5)
    result.save(tmp_path / "r.npz")
    again = ng.load(tmp_path / "r.npz")
    for field in BOOTSTRAP_FIELDS:
        np.testing.assert_array_equal(getattr(again, field), getattr(result, field))
    assert again.identical == 0
    assert set(BOOTSTRAP_FIELDS) <= set(result._table())


FOLDS = np.repeat([0, 1], 15)


@pytest.mark.parametrize(
    ("items", "metric", "options", "error", "text"),
    [
        (ITEMS, "cka", {"bootstrap": -1}, ValueError, "bootstrap must be at least 0, not -1"),
        (ITEMS, "cka", {"bootstrap": 1}, ValueError, "bootstrap must be 0 or at least 2, not 1"),
        (ITEMS, "cka", {"bootstrap": 2.5}, TypeError, "bootstrap must be an integer"),
        (ITEMS, "cka", {"bootstrap": 5, "resample": "rows"}, ValueError, "resample must be"),
        (ITEMS, "cka", {"bootstrap": 5, "interval": "t"}, ValueError, "interval must be"),
        (ITEMS, "cka", {"bootstrap": 5, "level": 95}, ValueError, "level must be between 0 and 1, not 95"),
        (ITEMS, "cka", {"bootstrap": 5, "nan_policy": "omit"}, ValueError, "combined with bootstrap"),
        (ITEMS, ng.RSA("crossnobis", folds=FOLDS), {"bootstrap": 5}, ValueError, "bootstrap resamples stim"),
        (
            [ng.rdm(item) for item in ITEMS],
            "rsa",
            {"bootstrap": 5, "resample": "units"},
            TypeError,
            r"representations\[0\] is an RDM, whose units cannot be resampled",
        ),
    ],
)
def test_bad_arguments(items, metric, options, error, text):
    with pytest.raises(error, match=text):
        ng.pairwise(items, metric, **options)
