"""The drop-in for the registry: its names and values."""

from __future__ import annotations

import json

import numpy as np
import pytest
from helpers.references import FOLDER
from neurogeom.compat import similarity

TABLE = json.loads((FOLDER / "similarity_registry_table.json").read_text())
# Names whose value in the table is a fault of the repositories that gave it: who, and what is wrong.
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
    return value == pytest.approx(TABLE[name]["value"], rel=1e-6, abs=1e-9)


@pytest.mark.parametrize("name", [name for name in BUILT if name in TABLE and name not in DEVIATIONS])
def test_values_are_those_of_the_table(name, values):
    assert is_right(name, values[name])


def test_how_many_there_are(values, capsys):
    right = [name for name in BUILT if name in TABLE and is_right(name, values[name])]
    with capsys.disabled():
        print(f"\n{len(right)} of the {len(TABLE)} measures of the registry have its value")
    assert len(right) >= 8


def test_every_name_of_the_table_is_built_or_explained():
    missing = sorted(set(TABLE) - set(BUILT) - set(DEVIATIONS))
    print(missing)
