"""What a metric's name stands for, and that whoever is registered is public everywhere."""

from __future__ import annotations

import inspect
import sys

import neurogeom as ng
import pytest
from neurogeom import metrics
from neurogeom.metrics import METRICS, Metric

# The family that "procrustes" and "cca" are the ends of.
WITHOUT_A_NAME = {"ShapeMetric"}
# Those that compare other things than responses.
WITHOUT_A_NAME |= {"Convolutional", "EnergyStochastic", "GaussianStochastic", "ProcessStochastic"}
BASES = {"Metric", "Distance", "Similarity", "AlignedDistance", "CrossValidated"}


def subclasses(cls):
    return {cls}.union(*map(subclasses, cls.__subclasses__()))


def built_in():
    # Not those that an example of a docstring has made, in the name of its module.
    found = {cls for cls in subclasses(Metric) if cls.__module__.startswith("neurogeom.metrics.")}
    return {cls for cls in found if getattr(sys.modules[cls.__module__], cls.__name__, None) is cls}


@pytest.mark.parametrize("name", METRICS)
def test_registered_metrics_are_public(name):
    made = METRICS[name]()
    cls = type(made)
    assert ng.metrics.as_metric(name).name == made.name
    for module in (ng, metrics):
        assert getattr(module, cls.__name__) is cls
        assert cls.__name__ in module.__all__


def test_every_metric_is_registered():
    registered = {type(make()).__name__ for make in METRICS.values()}
    assert {cls.__name__ for cls in built_in()} - WITHOUT_A_NAME - BASES == registered


def test_names_of_results_differ():
    names = [make().name for make in METRICS.values()]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize(
    "cls", sorted(built_in(), key=lambda cls: cls.__name__), ids=lambda cls: cls.__name__
)
def test_metrics_are_documented(cls):
    assert inspect.getdoc(cls)
    if cls.__name__ not in BASES:
        assert ">>> " in inspect.getdoc(cls)
