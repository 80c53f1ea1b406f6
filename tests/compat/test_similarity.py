"""The drop-in for the registry: its names and values."""

from __future__ import annotations

import json
import re

import neurogeom as ng
import numpy as np
import pytest
from helpers.references import FOLDER
from neurogeom.compat import similarity

TABLE = json.loads((FOLDER / "similarity_registry_table.json").read_text())
# Names whose value in the table is a fault of the repositories that gave it: who, and what is wrong.
_GOOGLE = "svcca: weights from the responses without the whitening, with the means left in"
_NULL_SPACE = (
    "neuroaimetrics: with more units than training stimuli the value depends on the basis that LAPACK gave "
    "the null space, and changes when an item is rotated"
)
_ALWAYS_RIDGE = "deepdive: the penalty is ignored; the value is that of ridge regression"
_BFLOAT16 = "fsd: products in bfloat16"
DEVIATIONS = {
    **dict.fromkeys(similarity.match("pwcca-*"), _GOOGLE),
    "cca-distance=angular-cv=5folds": _NULL_SPACE,
    "nbs-distance=angular-cv=5folds": _NULL_SPACE,
    "procrustes-distance=angular-cv=5folds": _NULL_SPACE,
    "linear_regression-pearsonr2-cv=5folds": _ALWAYS_RIDGE,
    "linear_regression-r2-cv=5folds": _ALWAYS_RIDGE,
    "ridge-lambda=1-pearsonr": "brainscore, as registered: the last regression of a loop, PLS",
    "pls-pearsonr-components=25-cv=5folds": "neuroaimetrics: components beyond the rank are rounding",
    "cka-kernel=linear-hsic=gretton-score-negative_log": _BFLOAT16,
    "cka-kernel=(rbf-sigma=1.0)-hsic=gretton-score-negative_log": _BFLOAT16,
    **dict.fromkeys(
        ("kernel_CKA", "kernel_HSIC", "linear_CKA", "linear_HSIC", "unbiased_linear_HSIC"),
        "stir: products in bfloat16",
    ),
    "soft_correlation_match": "neuroaimetrics means soft matching, in bfloat16; here as resi has it",
    "wreath_procrustes": "the registry hands it stimuli as units, and the products were in bfloat16",
    "imd": "imd: heat traces by random vectors; ours are exact",
}
BUILT = similarity.names()


def table_pair():
    """The two representations that the table was computed on."""
    rng = np.random.RandomState(0)
    return rng.uniform(size=(30, 25)), rng.uniform(size=(30, 25))


@pytest.fixture(scope="module")
def values():
    return {name: similarity.make(name)(*table_pair()) for name in BUILT}


def is_right(name, value):
    """Is it the value that most repositories give, or one of those of as many?"""
    given = [TABLE[name]["value"]]
    given += [
        other["value"] for other in TABLE[name]["others"] if len(other["repos"]) == TABLE[name]["agree"]
    ]
    return any(value == pytest.approx(one, rel=1e-6, abs=1e-9) for one in given)


@pytest.mark.parametrize("name", [name for name in BUILT if name in TABLE and name not in DEVIATIONS])
def test_values_are_those_of_the_table(name, values):
    assert is_right(name, values[name])


def test_every_name_of_the_table_is_there():
    assert sorted(set(TABLE) - set(BUILT)) == []


def test_how_many_there_are(values, capsys):
    right = [name for name in BUILT if name in TABLE and is_right(name, values[name])]
    with capsys.disabled():
        print(f"\n{len(right)} of the {len(TABLE)} measures of the registry have its value")
    assert len(right) >= 150


def items(count=5):
    """Representations of 20 stimuli and 7 units, as some names want equal numbers."""
    rng = np.random.default_rng(4)
    shared = rng.uniform(size=(20, 4))
    return [shared @ rng.uniform(size=(4, 7)) + rng.uniform(size=(20, 7)) for _ in range(count)]


def test_many_names_in_one_pass_are_those_of_one_pair():
    wanted = [name for name in BUILT if name.startswith(("c", "n", "p", "r", "s")) and "matching" not in name]
    rows, columns = items()[:2], items()[2:]
    wanted = [name for name in wanted if name != "permutation_procrustes"]
    found = similarity.pairwise(wanted, rows, others=columns, n_threads=1)
    assert list(found) == wanted
    for name in wanted[::3]:
        measure = similarity.make(name)
        expected = [[measure(x, y) for y in columns] for x in rows]
        np.testing.assert_allclose(found[name].values, expected, rtol=1e-9, atol=1e-12, err_msg=name)
        assert (found[name].metric, found[name].is_similarity) == (name, measure.metric.is_similarity)


def test_a_measure_and_its_forms_are_computed_once(monkeypatch):
    counted = []
    pair = similarity.make("pwcca-score").metric.base.__class__.pair
    monkeypatch.setattr(
        "neurogeom.metrics.canonical.PWCCA.pair",
        lambda self, *given: counted.append(self.name) or pair(self, *given),
    )
    forms = similarity.match("pwcca-*")
    similarity.pairwise(forms, items(3))
    assert len(counted) == 1 < len(forms)


def test_the_metric_of_a_name_has_the_nulls_of_the_engine():
    result = ng.pairwise(items(3), similarity.make("cka-kernel=linear-hsic=song-score").metric, null=9)
    assert result.p_value.shape == (3, 3)


def test_names_with_and_without_repositories():
    x, y = items(2)
    plain = similarity.make("nbs-distance=euclidean")
    assert similarity.make("measure/netrep/nbs-distance=euclidean")(x, y) == plain(x, y)
    assert set(similarity.make("measure/*/nbs-*score")) == {"nbs-score"}
    assert repr(plain) == "<measure 'nbs-distance=euclidean'>"
    found = similarity.pairwise(["measure/netrep/nbs-score"], [x, y])
    assert list(found) == ["measure/netrep/nbs-score"]


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("nbs-scor", "did you mean 'nbs-score'"),
        ("measure/netrap/nbs-score", "did you mean 'netrep'"),
        ("netrep/nbs-score", "must read 'measure/<repository>/<name>'"),
        ("measure/netrep/nothing-*", "no measure fits"),
    ],
)
def test_unknown_names(name, says):
    with pytest.raises(ValueError, match=re.escape(says)):
        similarity.make(name)


def test_names_of_the_wrong_kind():
    with pytest.raises(TypeError, match="the name of a measure must be a str, not int"):
        similarity.make(3)
    with pytest.raises(TypeError, match="names must be a list of names"):
        similarity.pairwise("nbs-score", items(2))
    with pytest.raises(ValueError, match="did you mean 'nbs-score'"):
        similarity.pairwise(["nbs-score", "nbs-scor"], items(2))


def test_a_score_that_is_not_positive_has_no_logarithm():
    metric = similarity.make("cka-kernel=linear-hsic=gretton-score-negative_log").metric
    logarithms = metric.of(np.array([[-0.5, 0.5]]), np.ones(1), np.ones(2))
    np.testing.assert_allclose(logarithms, [[np.nan, np.log(2)]], rtol=1e-12)
