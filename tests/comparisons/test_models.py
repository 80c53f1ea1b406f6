"""Models against a reference, beside rsatoolbox 0.3.2's inference on the same data."""

from __future__ import annotations

import neurogeom as ng
import numpy as np
import pytest

PAIRS = np.triu_indices(3, 1)


def squared_distances(x):
    return ((x[:, None] - x[None]) ** 2).sum(-1)[np.triu_indices(len(x), 1)]


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(7)
    signal = rng.standard_normal((14, 6))
    subjects = [squared_distances(signal + 0.9 * rng.standard_normal((14, 6))) for _ in range(6)]
    models = [squared_distances(signal + s * rng.standard_normal((14, 6))) for s in (0.5, 1.0)]
    models.append(squared_distances(rng.standard_normal((14, 6))))
    return [ng.RDM(x) for x in models], [ng.RDM(x) for x in subjects]


# rsatoolbox's eval_fixed: values, standard errors, noise ceiling. Its whitened ceilings pool without
# whitening, which is not the best that can be pooled.
FIXED = {
    "spearman": (
        [0.34558846950151295, 0.1764585655890004, 0.026543504804374368],
        [0.06506603550361255, 0.04847926321197826, 0.035177951717605224],
        [0.42606991176044984, 0.6244314470045845],
    ),
    "pearson": (
        [0.3859677174171891, 0.18344206789547698, 0.013823185637337296],
        [0.061521069689072144, 0.04694479802057539, 0.032593196222388265],
        [0.4830193503744027, 0.6614574943361292],
    ),
    "cosine": (
        [0.8505621571157578, 0.8086325660717297, 0.7884195794171848],
        [0.013896313324975032, 0.01228845432507552, 0.006864442518829671],
        [0.9110693102893136, 0.9387486127262606],
    ),
    "tau-a": (
        [0.23776963776963778, 0.11534391534391535, 0.018640618640618643],
        [0.04726624539861057, 0.03297304195626943, 0.023868635942571034],
        [0.29385429385429385, 0.4466422466422466],
    ),
    "cosine_cov": (
        [0.5823604489419825, 0.40661062897112493, 0.3496828937108957],
        [0.03609729867789759, 0.02679370128707158, 0.03155210435888962],
        None,
    ),
}


@pytest.mark.parametrize("compare", FIXED)
def test_values_and_errors_over_subjects_are_those_of_rsatoolbox(data, compare):
    values, se, ceiling = FIXED[compare]
    result = ng.compare_models(*data, ng.RSA(compare=compare), resample="subjects")
    np.testing.assert_allclose(result.values, values, rtol=0, atol=1e-10)
    np.testing.assert_allclose(result.se, se, rtol=0, atol=1e-10)
    assert result.degrees_of_freedom == 5
    if ceiling is not None:
        found = [result.ceiling_lower, result.ceiling_upper]
        np.testing.assert_allclose(found, ceiling, rtol=0, atol=1e-10)


# rsatoolbox's bootstraps with 4000 draws: errors of values and of differences.
BOOTSTRAPS = {
    ("spearman", "stimuli"): (
        [0.09382034858283039, 0.1032533863284633, 0.12013366255890344],
        [0.1131332773634196, 0.16630432767748118, 0.15227025094943786],
    ),
    ("cosine_cov", "both"): (
        [0.06192304249953562, 0.06020682333915691, 0.06641995892313098],
        [0.07779594797635567, 0.07883073639352363, 0.07474602927368827],
    ),
}


@pytest.mark.parametrize(("compare", "over"), BOOTSTRAPS)
def test_bootstrap_errors_are_those_of_rsatoolbox(data, compare, over):
    """A standard deviation of N draws has a relative error of 1 / sqrt(2 N): 0.046 with 250 and 4000."""
    se, difference = BOOTSTRAPS[compare, over]
    metric = ng.RSA(compare=compare)
    result = ng.compare_models(*data, metric, resample=over, n_bootstrap=250, noise_ceiling=False)
    np.testing.assert_allclose(result.se, se, rtol=4 * 0.046)
    np.testing.assert_allclose(result.difference_se[PAIRS], difference, rtol=4 * 0.046)
    assert result.degrees_of_freedom == (5 if over == "both" else 13)


def test_whitened_comparison_of_some_pairs_is_that_in_the_inverse_of_their_covariance():
    rng = np.random.default_rng(0)
    rdms = [ng.RDM(squared_distances(rng.standard_normal((6, 3)))) for _ in range(2)]
    order = np.array([0, 0, 1, 3, 3, 5, 5, 2])
    metric = ng.RSA("sqeuclidean", "cosine_cov")
    items = [item.resampled(order) for item in ng.representations.items.as_items(rdms, "rdms")]
    first, second = np.triu_indices(len(order), 1)
    different = order[first] != order[second]
    contrasts = np.eye(len(order))[first] - np.eye(len(order))[second]
    covariance = ((contrasts @ contrasts.T) ** 2)[np.ix_(different, different)]
    x, y = (rdm.square[order[first], order[second]][different] for rdm in rdms)
    in_metric = np.linalg.solve(covariance, np.stack([x, y], axis=1))
    expected = x @ in_metric[:, 1] / np.sqrt((x @ in_metric[:, 0]) * (y @ in_metric[:, 1]))
    (part,) = metric.parts()
    vectors = [part.prepare(item.open()) for item in items]
    assert abs(vectors[0] @ vectors[1] - expected) < 1e-12


def test_draws_do_not_depend_on_threads_or_on_their_number(data):
    one, two = (ng.compare_models(*data, n_bootstrap=12, n_threads=k, keep_draws=True) for k in (1, 2))
    np.testing.assert_array_equal(one.draws, two.draws)
    more = ng.compare_models(*data, n_bootstrap=20, keep_draws=True)
    np.testing.assert_array_equal(more.draws[:12], one.draws)


def test_any_metric_of_responses():
    rng = np.random.default_rng(3)
    signal = rng.standard_normal((15, 4))
    subjects = [signal @ rng.standard_normal((4, 7)) + 0.3 * rng.standard_normal((15, 7)) for _ in range(4)]
    models = {"good": signal, "other": rng.standard_normal((15, 4))}
    for metric in ("procrustes", "cka"):
        result = ng.compare_models(models, subjects, metric, n_bootstrap=40, null=99)
        expected = ng.pairwise(models, metric, others=subjects).values
        np.testing.assert_allclose(result.subject_values, expected, atol=1e-12)
        assert np.isnan(result.p_zero).all() != result.is_similarity
        assert result.best.startswith("'good'")
        assert result.p_null[0] == 0.01
        assert (result.ceiling_lower < result.ceiling_upper) == result.is_similarity
    single = ng.compare_models(models, subjects[0], "cka", n_bootstrap=20)
    assert single.n_subjects == 1
    assert single.resample == "stimuli"
    assert np.isnan(single.ceiling_lower)


def test_equal_models_do_not_differ(data):
    models, subjects = data
    result = ng.compare_models([models[0], models[0]], subjects, n_bootstrap=20)
    assert result.p_difference[0, 1] == 1


def test_tables_and_files(data, tmp_path):
    pytest.importorskip("pandas")
    result = ng.compare_models(*data, n_bootstrap=10, null=5)
    assert len(result.to_dataframe()) == 3
    assert len(result.pairs_to_dataframe()) == 3
    result.save(tmp_path / "r.npz")
    np.testing.assert_array_equal(ng.load(tmp_path / "r.npz").se, result.se)


def test_what_is_refused(data):
    models, subjects = data
    with pytest.raises(ValueError, match="needs several subjects"):
        ng.compare_models(models, subjects[0], resample="both")
    with pytest.raises(ValueError, match="resample must be one of"):
        ng.compare_models(models, subjects, resample="units")
    with pytest.raises(ValueError, match="same stimuli"):
        ng.compare_models(models, [ng.RDM([1.0, 2.0, 3.0])])
    with pytest.raises(ValueError, match="n_bootstrap must be at least 2"):
        ng.compare_models(models, subjects, n_bootstrap=1)


def test_adjusted_p_values():
    from neurogeom.comparisons._tests import adjusted

    p = np.array([0.01, 0.04, np.nan, 0.03])
    np.testing.assert_allclose(adjusted(p, "bonferroni"), [0.03, 0.12, np.nan, 0.09])
    np.testing.assert_allclose(adjusted(p, "holm"), [0.03, 0.06, np.nan, 0.06])
    np.testing.assert_allclose(adjusted(p, "fdr"), [0.03, 0.04, np.nan, 0.04])


def test_picture(data):
    pytest.importorskip("matplotlib")
    result = ng.compare_models(*data, resample="subjects")
    axes = ng.plot.model_comparison(result)
    assert [bar.get_height() for bar in axes.patches[-3:]] == result.values.tolist()
    assert ng.plot.model_comparison(result, axes) is axes
