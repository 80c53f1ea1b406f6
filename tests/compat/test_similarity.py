"""The drop-in for the registry: its names and values."""

from __future__ import annotations

import json

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
_BFLOAT16 = "fsd, modelsym: products in bfloat16"
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
    "wreath_procrustes": _BFLOAT16,
    "imd": "imd: heat traces by random vectors; ours are exact",
DEVIATIONS = {
    "procrustes-distance=angular-cv=5folds": "depends on directions that the fit leaves arbitrary",
    "soft_correlation_match": "neuroaimetrics means soft matching, in bfloat16; here as resi has it",
    "wreath_procrustes": "the registry hands it stimuli as units, and the products were in bfloat16",
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


def test_how_many_there_are(values, capsys):
    right = [name for name in BUILT if name in TABLE and is_right(name, values[name])]
    with capsys.disabled():
        print(f"\n{len(right)} of the {len(TABLE)} measures of the registry have its value")
    assert len(right) >= 125


def test_every_name_of_the_table_is_built_or_explained():
    missing = sorted(set(TABLE) - set(BUILT) - set(DEVIATIONS))
    print(missing)
