"""The drop-in for netrep as what scikit-learn takes for an estimator, without scikit-learn."""

from __future__ import annotations

import inspect
import os
import sys
import types

import numpy as np
import pytest
from helpers.items import items_of
from helpers.processes import run_python
from neurogeom.compat.netrep import multiset
from neurogeom.compat.netrep.metrics import LinearCKA, LinearMetric, PermutationMetric
from numpy.testing import assert_allclose

CLASSES = (LinearMetric, PermutationMetric, LinearCKA)


@pytest.mark.parametrize("kind", CLASSES)
def test_parameters_are_those_of_the_constructor(kind):
    parameters = inspect.signature(kind).parameters
    assert list(parameters)[-1] == "parity"
    assert parameters["parity"].kind is inspect.Parameter.KEYWORD_ONLY
    assert kind().get_params() == {name: p.default for name, p in parameters.items()}
    assert kind().get_params(deep=False).keys() == parameters.keys()


@pytest.mark.parametrize(
    ("metric", "shown"),
    [
        (LinearMetric(), "LinearMetric()"),
        (LinearMetric(0, zero_pad=False), "LinearMetric(alpha=0, zero_pad=False)"),
        (
            LinearMetric(np.float64(0.25), parity=True),
            f"LinearMetric(alpha={np.float64(0.25)!r}, parity=True)",
        ),
        (PermutationMetric(score_method="euclidean"), "PermutationMetric(score_method='euclidean')"),
        (LinearCKA(False), "LinearCKA(center_columns=False)"),
    ],
)
def test_clones(metric, shown):
    params = metric.get_params(deep=False)
    other = type(metric)(**params)
    # What sklearn.base.clone checks: the constructor keeps the very objects that it is given.
    assert all(other.get_params()[name] is value for name, value in params.items())
    assert repr(metric) == repr(other) == shown
    X, Y = items_of((4, 4), 30)
    other.fit(X, Y)
    assert not vars(type(other)(**other.get_params())).keys() - params.keys()


def test_parameters_can_be_set():
    metric = LinearMetric()
    assert metric.set_params(alpha=0.5, parity=True) is metric
    assert metric.get_params()["alpha"] == 0.5
    with pytest.raises(ValueError, match="alpha must lie between"):
        metric.set_params(zero_pad=False, alpha=2)
    assert metric.zero_pad, "nothing is set if anything is wrong"
    with pytest.raises(
        ValueError, match="LinearMetric has no parameter 'beta'; it has alpha, center_columns"
    ):
        metric.set_params(beta=1)
    metric.alpha = -1
    with pytest.raises(ValueError, match="alpha must lie between 0"):
        metric.fit(*items_of((3, 3), 30))


@pytest.mark.parametrize("metric", [LinearMetric(0.2), PermutationMetric(), LinearCKA()], ids=repr)
def test_cross_validation(metric):
    X, Y = items_of((7, 5), 31)
    folds = np.array_split(np.random.default_rng(0).permutation(31), 4)
    scores = []
    for test in folds:
        train = np.setdiff1d(np.arange(31), test)
        fold = type(metric)(**metric.get_params(deep=False))
        fold.fit(X[train], Y[train])
        scores.append(fold.score(X[test], Y[test]))
    sets = [[data[np.setdiff1d(np.arange(31), test)] for data in (X, Y)] for test in folds]
    held = [[data[test] for data in (X, Y)] for test in folds]
    swept = [
        multiset.pairwise_distances(metric, *pair, verbose=False)[1][0, 1]
        for pair in zip(sets, held, strict=True)
    ]
    assert_allclose(scores, swept, rtol=1e-10)
    assert np.std(scores) > 0


def test_sklearn_is_imported_by_nothing_but_the_tags(tmp_path):
    (tmp_path / "sklearn.py").write_text("raise RuntimeError('imported')")
    code = """
        import numpy as np
        from neurogeom.compat.netrep.metrics import LinearMetric
        LinearMetric().fit_score(np.eye(4), np.eye(4)[::-1])
        try:
            LinearMetric().__sklearn_tags__()
        except RuntimeError as error:
            print(error)
    """
    paths = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    assert run_python(code, PYTHONPATH=paths)[:2] == (0, "imported")


def test_tags_are_those_of_an_estimator_that_needs_a_target(monkeypatch):
    utils = types.ModuleType("sklearn.utils")
    utils.Tags = lambda **fields: fields
    utils.TargetTags = lambda **fields: fields
    monkeypatch.setitem(sys.modules, "sklearn", types.ModuleType("sklearn"))
    monkeypatch.setitem(sys.modules, "sklearn.utils", utils)
    tags = LinearMetric().__sklearn_tags__()
    assert tags == {"estimator_type": None, "target_tags": {"required": True, "multi_output": True}}


def test_fitting_cka_returns_nothing():
    assert LinearCKA().fit(*items_of((3, 4), 30)[:2]) is None
