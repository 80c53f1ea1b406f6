"""A refactoring keeps bits; this is how it is shown. Long, with this one idea: call everything.

    python bench/studies/same_bits.py BEFORE.npz [--threads 2]      (in the tree before)
    python bench/studies/same_bits.py AFTER.npz                     (in the tree after)
    python bench/studies/same_bits.py --compare BEFORE.npz AFTER.npz

The first two lines call every public function, metric and drop-in, the sweeps and the command line on small
fixed inputs, and write each array, number and text that comes out under a key that says what was called and
which field it is. The third compares two such files: it names the keys that one of them lacks and those whose
dtype, shape or bytes differ, with the largest relative difference. Keys that only the later file has are no
difference. Results do not depend on --threads, so that two runs of one tree must agree too.

Only public names are used. What they cannot repeat is left out: times, costs, paths, memory. The same
machine, BLAS and build must be used for both; a public function that was not called is named at the end.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import hashlib
import importlib
import inspect
import io
import itertools
import os
import pkgutil
import re
import subprocess
import sys
import tempfile
import time
import traceback
import types
import warnings
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import neurogeom as ng
import neurogeom.compat
import neurogeom.metrics
import numpy as np
import pandas
from neurogeom.compat import correlated_capacity as wakhloo
from neurogeom.compat import glue
from neurogeom.compat.mftma import (
    alldata_dimension_analysis,
    manifold_analysis,
    manifold_analysis_correlation,
    manifold_simcap_analysis,
)
from neurogeom.compat.mftma.utils import activation_extractor, analyze_pytorch, make_manifold_data
from neurogeom.compat.netrep import multiset
from neurogeom.compat.netrep.metrics import LinearCKA, LinearMetric, PermutationMetric

# Fields that depend on the clock, the machine or the place.
LEFT_OUT = {
    *(f"SweepPlan.{name}" for name in ("bytes_read", "bytes_written", "core_hours", "core_hours_interval")),
    *(f"SweepPlan.{name}" for name in ("peak_memory", "store", "text")),
    *(f"SweepStatus.{name}" for name in ("cpu_seconds", "eta", "resume_command", "store")),
    "build_info.compiler",
}
NAMED = (
    *("bures", "cca", "chordal", "cka", "eigenspace_overlap", "grassmann", "gulp", "mean_cca", "nbs"),
    *("permutation", "procrustes", "projection", "pwcca", "r2", "ridge", "rsa", "svcca"),
)
RDM_KINDS = ("sqeuclidean", "euclidean", "correlation", "cosine", "poisson", "mahalanobis", "crossnobis")
COMPARISONS = (
    "pearson",
    "spearman",
    "cosine",
    "kendall",
    "tau-a",
    "rho-a",
    "cosine_cov",
    "corr_cov",
)
M = 24  # stimuli of the made-up representations


class Bits:
    """What has come out, by key."""

    def __init__(self) -> None:
        self.values: dict[str, np.ndarray] = {}
        self.met: set[Any] = set()  # functions called, and classes of what came and went
        self.raised: list[str] = []

    def run(self, key: str, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Call a function; keep what it gives, what it warns of, and of which kind an error is."""
        owner = getattr(function, "__self__", None)
        for value in (function, type(owner), *args, *kwargs.values()):
            self.meet(value)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            try:
                value = function(*args, **kwargs)
            except Exception as error:
                value = None
                self.raised.append(f"{key}: {type(error).__name__}: {error}")
                self.keep(f"{key}.raised", type(error).__name__)
        categories = sorted({warning.category.__name__ for warning in caught})
        self.met.update(warning.category for warning in caught)
        if categories:
            self.keep(f"{key}.warned", ", ".join(categories))
        if value is not None:
            self.keep(key, value)
        return value

    def meet(self, value: Any) -> None:
        """Note a function or a class, also inside a list or mapping."""
        self.met.update((value if isinstance(value, type) else type(value)).__mro__)
        if isinstance(value, Mapping):
            self.meet(list(value.values()))
        elif isinstance(value, (list, tuple)):
            for item in value:
                self.meet(item)
        elif inspect.isroutine(value):
            self.met.add(value)

    def keep(self, key: str, value: Any) -> None:
        """Keep a value, or what it consists of."""
        self.meet(value)
        if key in LEFT_OUT:
            return
        if isinstance(value, ng.Manifolds):
            self.keep(f"{key}.names", value.names)
            for i, cloud in enumerate(value):
                self.keep(f"{key}[{i}]", cloud)
        elif isinstance(value, ng.Representation):
            for name in ("data", "ids", "units", "name"):
                self.keep(f"{key}.{name}", getattr(value, name))
        elif isinstance(value, ng.RDM):
            self.keep(f"{key}.square", value.square)
            for name in ("condensed", "ids", "name"):
                self.keep(f"{key}.{name}", getattr(value, name))
        elif isinstance(value, ng.io.StoredItem):
            for name in ("name", "shape", "dtype", "ids"):
                self.keep(f"{key}.{name}", getattr(value, name))
            self.keep(f"{key}[:]", value[:])
        elif dataclasses.is_dataclass(value) and not isinstance(value, type):
            kind = type(value)
            names = [field.name for field in dataclasses.fields(value)]
            names += [n for n, _ in inspect.getmembers(kind, lambda member: isinstance(member, property))]
            for name in names:
                if not name.startswith("_") and f"{kind.__name__}.{name}" not in LEFT_OUT:
                    with contextlib.suppress(ValueError):  # the square form of a result that has none
                        self.keep(f"{key}.{name}", getattr(value, name))
        elif type(value).__module__.startswith("pandas.") and hasattr(value, "columns"):
            for name in value.columns:
                self.keep(f"{key}[{name}]", value[name].to_numpy())
            self.keep(f"{key}.index", [str(entry) for entry in value.index])
        elif type(value).__module__.startswith("xarray."):
            variables = getattr(value, "variables", None) or {"": value, **value.coords}
            for name in variables:
                self.keep(f"{key}[{name}]", np.asarray(variables[name]))
        elif isinstance(value, Mapping):
            for name, item in value.items():
                self.keep(f"{key}.{name}", item)
            self.put(f"{key}.keys", np.array([str(name) for name in value], dtype=np.str_))
        elif isinstance(value, (list, tuple)):
            if value and all(isinstance(item, (bool, int, float, str, np.generic)) for item in value):
                self.put(key, np.array(value))
            else:
                for i, item in enumerate(value):
                    self.keep(f"{key}[{i}]", item)
                self.put(f"{key}.len", np.array(len(value)))
        elif isinstance(value, np.ndarray) and value.dtype != object:
            self.put(key, value)
        elif isinstance(value, (bool, int, float, str, np.generic)):
            self.put(key, np.array(value))
        elif isinstance(value, bytes):
            self.put(key, np.array(hashlib.sha256(value).hexdigest()))
        elif value is None or isinstance(value, (np.ndarray, np.dtype, frozenset, set)):
            self.put(key, np.array(str(value.tolist() if isinstance(value, np.ndarray) else value)))
        # Else an object that only stands for others: a rule, a metric, a figure.

    def put(self, key: str, value: np.ndarray) -> None:
        if key in self.values:
            raise KeyError(f"{key} stands twice")
        self.values[key] = np.array(value)  # as it is now: others may write to it


# ---- inputs


def seeded(seed: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape)


def clouds_of(sizes: list[int], width: int, seed: int = 0, spread: float = 0.6) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    return [rng.normal(size=(1, width)) + spread * rng.normal(size=(size, width)) for size in sizes]


def cloud_sets() -> dict[str, Any]:
    """Manifolds of all kinds."""
    text, fmri = ng.datasets.load_minilm_clinc(), ng.datasets.load_haxby()
    flat = clouds_of([12] * 6, 40)
    rank = [cloud @ seeded(8, 40, 5) @ seeded(9, 5, 40) for cloud in flat]
    repeated = [np.concatenate([cloud, cloud[:4], cloud[:1]]) for cloud in flat]
    few = text.labels < 8
    return {
        "bundled": ng.manifolds(text.layers["layer6"][few], text.labels[few]),
        "fmri": ng.manifolds(fmri.X[::6], fmri.labels[::6]),
        "seeded": flat,
        "float32": np.array(flat, dtype=np.float32),
        "unequal": clouds_of([5, 9, 20, 14, 7], 30, 1),
        "wide": clouds_of([8] * 5, 200, 2),
        "narrow": clouds_of([15] * 7, 9, 3, 0.3),
        "rank5": rank,
        "repeated": repeated,
        "points": seeded(4, 20, 1, 30),
        "named": dict(zip("abcdef", flat, strict=True)),
    }


def representations(seed: int = 0) -> dict[str, np.ndarray]:
    """Responses to the same stimuli that share something; ranks, dtypes and widths differ."""
    common = seeded(100, M, 6)
    made = {}
    for i, width in enumerate((7, 11, 18, 40)):
        made[f"w{width}"] = common @ seeded(seed + 10 + i, 6, width) + 0.7 * seeded(seed + 20 + i, M, width)
    made["low"] = common[:, :4] @ seeded(seed + 30, 4, 15) + 2
    made["f32"] = (common @ seeded(seed + 31, 6, 13) + seeded(seed + 32, M, 13)).astype(np.float32)
    made["int"] = np.round(3 * seeded(seed + 33, M, 9)).astype(np.int16)
    made["doubled"] = np.hstack([made["w7"], made["w7"]])
    return made


def metrics() -> dict[str, ng.Metric]:
    """Metrics with other options than the defaults of ``metric="..."``."""
    folds = np.repeat([0, 1, 2], M // 3)
    stimuli = np.tile(np.arange(M // 3), 3)
    made: dict[str, ng.Metric] = {
        "ShapeMetric(0.5)": ng.ShapeMetric(0.5),
        "ShapeMetric(0.3,unit,euclidean)": ng.ShapeMetric(0.3, whiten_scale="unit", score="euclidean"),
        "Procrustes(euclidean,raw)": ng.Procrustes(score="euclidean", center=False),
        "CCA(euclidean,tolerance)": ng.CCA(score="euclidean", rank_tolerance=1e-6),
        "Bures(normalize)": ng.Bures(normalize=True),
        "NBS(raw)": ng.NBS(center=False),
        "MeanCCA(squared)": ng.MeanCCA(squared=True),
        "SVCCA(0.8)": ng.SVCCA(0.8),
        "SVCCA(3)": ng.SVCCA(n_components=3),
        "PWCCA(raw)": ng.PWCCA(center=False),
        "GULP(1)": ng.GULP(1.0),
        "GULP(1e-4)": ng.GULP(1e-4),
        "SubspaceDistance(chordal,3)": ng.SubspaceDistance("chordal", n_components=3),
        "SubspaceDistance(projection,raw)": ng.SubspaceDistance("projection", center=False),
        "EigenspaceOverlap(3)": ng.EigenspaceOverlap(n_components=3),
        "EigenspaceOverlap(centred)": ng.EigenspaceOverlap(center=True),
        "LinearR2(raw)": ng.LinearR2(center=False),
        "Ridge(0.1,3)": ng.Ridge(0.1, folds=3),
        "Ridge(pearson)": ng.Ridge(score="pearson"),
        "Permutation(euclidean)": ng.Permutation(score="euclidean"),
        "Permutation(raw)": ng.Permutation(center=False),
        "CKA(callable)": ng.CKA(lambda data: data @ data.T),
        "RSA(named,angular)": ng.RSA("cosine", "cosine", score="angular", name="mine"),
        "RSA(poisson,prior)": ng.RSA("poisson", "pearson", prior_lambda=2.0, prior_weight=0.5),
        "RSA(crossnobis,stimuli)": ng.RSA("crossnobis", "pearson", folds=folds, stimuli=stimuli),
        "RSA(covariance)": ng.RSA("euclidean", "corr_cov", stimulus_covariance=np.diag(1.0 + np.arange(M))),
    }
    for kernel, estimator in itertools.product(("linear", "rbf"), ("biased", "debiased", "lange")):
        made[f"CKA({kernel},{estimator})"] = ng.CKA(kernel, estimator)
    made["CKA(minibatch)"] = ng.CKA(estimator="minibatch", batch_size=8)
    made["CKA(rbf,minibatch)"] = ng.CKA("rbf", "minibatch", batch_size=8, bandwidth=0.5)
    made["CKA(raw,angular)"] = ng.CKA(estimator="biased", center=False, score="angular")
    for compare in COMPARISONS:
        made[f"RSA(correlation,{compare})"] = ng.RSA("correlation", compare)
    for kind in RDM_KINDS[:4]:
        made[f"RSA({kind},pearson)"] = ng.RSA(kind, "pearson")
    return made


# ---- the studies


def study_capacity(bits: Bits, threads: int) -> None:
    for name, clouds in cloud_sets().items():
        for options in (
            {"rng": 0},
            {"rng": 1, "margin": 0.3, "keep_anchors": True, "n_samples": 60},
            {"rng": 2, "null": 2, "n_samples": 50, "n_restarts": 3},
            {"rng": 3, "remove_center_correlations": False, "n_samples": 50},
            {"rng": 4, "rank": 2, "n_samples": 50},
        ):
            key = f"capacity.manifold_capacity[{name},{_shown(options)}]"
            bits.run(key, ng.manifold_capacity, clouds, n_threads=threads, **options)
        for options in (
            {"rng": 0},
            {"rng": 1, "margin": 0.2, "n_samples": 60, "dichotomies": "balanced"},
        ):
            key = f"capacity.correlated_capacity[{name},{_shown(options)}]"
            bits.run(key, ng.correlated_capacity, clouds, n_threads=threads, **options)
        for options in (
            {"rng": 0, "n_samples": 100},
            {"rng": 1, "n_samples": 60, "dichotomies": "one_vs_rest", "inactive": "exclude"},
            {"rng": 2, "n_samples": 60, "dichotomies": "iid", "inactive": "maxproj"},
            {"rng": 3, "n_samples": 60, "dichotomies": "first_vs_rest", "center": False, "inactive": "drop"},
        ):
            key = f"capacity.effective_geometry[{name},{_shown(options)}]"
            bits.run(key, ng.effective_geometry, clouds, n_threads=threads, **options)
        for options in (
            {"rng": 0, "n_trials": 40},
            {"rng": 1, "n_trials": 30, "dichotomies": "iid", "fit_intercept": True},
            {"rng": 2, "n_trials": 30, "center": False, "dichotomies": "one_vs_rest"},
        ):
            key = f"capacity.simulated_capacity[{name},{_shown(options)}]"
            bits.run(key, ng.simulated_capacity, clouds, n_threads=threads, **options)
        bits.run(f"clouds.alignment[{name}]", ng.alignment, clouds, null=9, rng=0)
        bits.run(f"clouds.downsample[{name}]", ng.downsample, clouds, 1, rng=0)
        bits.run(f"clouds.random_projection[{name}]", ng.random_projection, clouds, 6, rng=0)
    clouds = clouds_of([10] * 6, 25, 5)
    for n_threads in (1, 2):
        key = f"capacity.manifold_capacity[threads={n_threads}]"
        bits.run(key, ng.manifold_capacity, clouds, rng=0, n_samples=50, n_threads=n_threads)
        key = f"capacity.effective_geometry[threads={n_threads}]"
        bits.run(key, ng.effective_geometry, clouds, rng=0, n_samples=50, n_threads=n_threads)
        key = f"capacity.simulated_capacity[threads={n_threads}]"
        bits.run(key, ng.simulated_capacity, clouds, rng=0, n_trials=50, n_threads=n_threads)
    # Given draws and rules.
    draws = seeded(6, 40, 25)
    bits.run(
        "capacity.correlated_capacity[gaussians]",
        ng.correlated_capacity,
        clouds,
        n_samples=40,
        gaussians=draws,
        rng=0,
    )
    bits.run(
        "capacity.effective_geometry[gaussians]",
        ng.effective_geometry,
        clouds,
        n_samples=40,
        gaussians=draws,
        rng=0,
    )
    bits.run("capacity.manifold_capacity[one sample]", ng.manifold_capacity, clouds, n_samples=1, rng=0)
    for name, rule in {
        "sparse": bits.run("clouds.sparse_dichotomies", ng.sparse_dichotomies, 2),
        "tilted": bits.run("clouds.tilted_dichotomies", ng.tilted_dichotomies, [1, 1, -1, -1, 0, 1], 0.7),
        "array": np.where(seeded(7, 40, 6) > 0, 1, -1),
    }.items():
        options = {"dichotomies": rule, "rng": 0}
        bits.run(
            f"capacity.effective_geometry[{name}]", ng.effective_geometry, clouds, n_samples=40, **options
        )
        bits.run(
            f"capacity.simulated_capacity[{name}]", ng.simulated_capacity, clouds, n_trials=40, **options
        )
    centers, axes = seeded(10, 6, 20), 0.4 * seeded(11, 6, 3, 20)
    for intercept in (False, True):
        key = f"capacity.simulated_ellipsoid_capacity[{intercept}]"
        bits.run(
            key,
            ng.simulated_ellipsoid_capacity,
            centers,
            axes,
            n_trials=25,
            fit_intercept=intercept,
            rng=0,
            n_threads=threads,
        )
    many = clouds_of([220, 300, 260], 90, 30, 0.5)
    bits.run("capacity.manifold_capacity[many points]", ng.manifold_capacity, many, rng=0, n_samples=40)
    bits.run("capacity.effective_geometry[many points]", ng.effective_geometry, many, rng=0, n_samples=25)
    crowd = clouds_of([12] * 40, 160, 31, 0.4)
    for name, function in {
        "manifold_capacity": ng.manifold_capacity,
        "effective_geometry": ng.effective_geometry,
        "correlated_capacity": ng.correlated_capacity,
    }.items():
        bits.run(f"capacity.{name}[many]", function, crowd, rng=0, n_samples=40, n_threads=threads)
    bits.run("capacity.simulated_capacity[many]", ng.simulated_capacity, crowd, rng=0, n_trials=20)
    text = ng.datasets.load_minilm_clinc()
    for name, layer in text.layers.items():
        clouds = ng.manifolds(layer, text.labels)
        bits.run(
            f"capacity.manifold_capacity[{name}]", ng.manifold_capacity, clouds, rng=0, n_threads=threads
        )
        bits.run(f"clouds.alignment[{name}]", ng.alignment, clouds, null=3, rng=0)
    study_closed_forms(bits)
    study_cone(bits, threads)


def study_closed_forms(bits: Bits) -> None:
    radii, dimensions = np.array([0.0, 1e-3, 0.5, 2.0, 1e4, np.inf]), np.array([0.5, 1.0, 7.0, 1e5])
    bits.run("capacity.point_capacity", ng.point_capacity, [0.0, 0.5, 3.0])
    bits.run("capacity.point_capacity[scalar]", ng.point_capacity)
    bits.run("capacity.ball_capacity", ng.ball_capacity, radii[:, None], dimensions, 0.4)
    bits.run("capacity.ball_capacity[scalar]", ng.ball_capacity, 1.0, 3)
    for margin in (0.0, 0.7):
        key = f"capacity.ellipsoid_capacity[{margin}]"
        bits.run(key, ng.ellipsoid_capacity, [2.0, 1.0, 0.1, 0.0], margin, n_samples=2000, rng=0)
        for form in ("ball", "saddle"):
            key = f"capacity.correlated_sphere_capacity[{form},{margin}]"
            bits.run(key, ng.correlated_sphere_capacity, 1.2, 6, 0.3, 0.2, margin, form=form)


def study_cone(bits: Bits, threads: int) -> None:
    points = seeded(12, 30, 12)
    degenerate = (
        np.concatenate([points, points[:5], 1e-9 + points[:3]]) @ seeded(13, 12, 5) @ seeded(14, 5, 12)
    )
    for name, rows in {"general": points, "few": points[:6], "degenerate": degenerate}.items():
        for margin in (0.0, 0.5, -0.5):
            key = f"cone.project_cone[{name},{margin}]"
            bits.run(key, ng.project_cone, rows, seeded(15, 50, 12), margin, n_threads=threads)
    bits.run("cone.project_cone[float32]", ng.project_cone, points.astype(np.float32), seeded(15, 9, 12))
    large = seeded(18, 500, 80)
    bits.run("cone.project_cone[large]", ng.project_cone, large, seeded(19, 70, 80), n_threads=threads)
    hard = np.concatenate([points, -points])
    bits.run("cone.project_cone[infeasible]", ng.project_cone, hard, seeded(15, 9, 12), 1.0)


def study_clouds(bits: Bits) -> None:
    text, fmri = ng.datasets.load_minilm_clinc(), ng.datasets.load_haxby()
    bits.run("datasets.load_minilm_clinc", ng.datasets.load_minilm_clinc)
    bits.run("datasets.load_haxby", ng.datasets.load_haxby)
    bits.run("clouds.manifolds[text]", ng.manifolds, fmri.X[:60, :20], fmri.classes[fmri.labels[:60]])
    bits.run("clouds.manifolds[int]", ng.manifolds, text.layers["layer0"][:80, :20], text.labels[:80])
    bits.run("clouds.downsample", ng.downsample, clouds_of([5, 9, 20], 12), 4, rng=3)
    bits.run(
        "clouds.shuffled",
        ng.manifolds(seeded(0, 30, 5), np.arange(30) % 4).shuffled,
        np.random.default_rng(0),
    )
    for name, rule in {
        "sparse": ng.sparse_dichotomies(2),
        "tilted": ng.tilted_dichotomies([1, -1, 1], 0.4),
    }.items():
        bits.keep(f"clouds.rule[{name}]", rule(np.random.default_rng(0), 20, 3 if name == "tilted" else 7))
    for form, variance in itertools.product(("corrected", "compat", "unbiased"), (0.9, 0.5)):
        key = f"clouds.dimensionality[{form},{variance}]"
        bits.run(key, ng.dimensionality, text.layers["layer6"][:90], variance=variance, form=form)
    for name, X in representations().items():
        bits.run(f"clouds.dimensionality[{name}]", ng.dimensionality, X)
    a, b, c = clouds_of([12, 9, 15], 6, 1, 0.8)
    for name, pair in {
        "ab": (a, b),
        "ac": (a, c),
        "apart": (a, b + 9),
        "same": (a, a),
        "wide": clouds_of([4, 5], 50),
    }.items():
        bits.run(f"capacity.overlap[{name}]", ng.overlap, *pair)
    images = seeded(16, 3, 8, 8)
    for border in ("edge", "zero", "wrap"):
        key = f"clouds.translation_manifolds[{border}]"
        bits.run(key, ng.translation_manifolds, images, 2, 5, rng=0, border=border)
    weights = seeded(17, 64, 10)
    bits.run(
        "clouds.exemplar_manifolds",
        ng.exemplar_manifolds,
        lambda x: np.tanh(x.reshape(len(x), -1) @ weights),
        images,
        6,
        perturb=lambda x, rng: x + 0.1 * rng.normal(size=x.shape),
        rng=0,
    )


def study_generalization(bits: Bits, threads: int) -> None:
    text = ng.datasets.load_minilm_clinc()
    sets = {
        "sentences": ng.manifolds(text.layers["layer6"], text.labels),
        "unequal": clouds_of([8, 15, 11, 20], 12),
    }
    for name, clouds in sets.items():
        for level in ("main", "overlap", "gaussian", "exact"):
            for corrected in (False, True):
                key = f"generalization.fewshot_geometry[{name},{level},{corrected}]"
                options = {"level": level, "correct_dimension": corrected, "n_threads": threads}
                bits.run(key, ng.fewshot_geometry, clouds, [1, 5], **options)
        for rule in ("prototype", "nn", "exemplar"):
            key = f"generalization.fewshot_error[{name},{rule}]"
            bits.run(key, ng.fewshot_error, clouds, 3, rule=rule, n_episodes=40, rng=0, n_threads=threads)
        few = f"generalization.fewshot_prediction[{name}]"
        bits.run(few, ng.fewshot_prediction, clouds, [1, 5], n_threads=threads)
        bits.run(f"generalization.kway_error[{name}]", ng.kway_error, clouds, 3, n_episodes=40, rng=0)
        means = np.stack([cloud.mean(axis=0) for cloud in clouds])[:, ::2]
        bits.run(f"generalization.zero_shot_error[{name}]", ng.zero_shot_error, clouds, means)
        bits.run(f"clouds.neural_collapse[{name}]", ng.neural_collapse, clouds)
    small = sets["unequal"]
    bits.run("generalization.subsampled_dimension", ng.subsampled_dimension, small, [4, 8], n_draws=3, rng=0)
    bits.run("generalization.n_neurons_needed", ng.n_neurons_needed, ng.fewshot_geometry(small, 2), 0.2)
    X, Y = text.layers["layer4"][:200], text.layers["layer6"][:200, :40]
    for center, ridge in itertools.product((True, False), (0.0, 0.1)):
        key = f"generalization.spectral_prediction[{center},{ridge}]"
        bits.run(key, ng.spectral_prediction, X, Y, n_train=[30, 90], ridge=ridge, center=center)
    for wide, ridge in itertools.product((True, False), (0.0, 0.1)):
        key = f"generalization.prediction_curve[{wide},{ridge}]"
        given = X if wide else X[:, :50]
        options = {"ridge": ridge, "n_splits": 4, "rng": 0, "n_threads": threads}
        bits.run(key, ng.prediction_curve, given, Y, [30, 90], **options)
    for method in ("twonn", "mle"):
        bits.run(f"clouds.intrinsic_dimension[{method}]", ng.intrinsic_dimension, X, method=method)
    layers = {name: layer[:200] for name, layer in text.layers.items()}
    profile = {"n_samples": 40, "rng": 0, "n_threads": threads}
    bits.run(
        "profiles.representation_profile", ng.representation_profile, layers, text.labels[:200], **profile
    )
    for activation, depth in itertools.product(("relu", "erf"), (1, 4)):
        for kernel in (ng.kernels.NNGP(depth, activation), ng.kernels.NTK(depth, activation)):
            bits.keep(f"kernels.{kernel.name}", kernel.gram(X[:60]))
    bits.keep("logits.order_agreement", ng.logits.order_agreement(X[:, :10], X[:, 10:20]).tau)


def study_pairs(bits: Bits, threads: int, folder: Path) -> None:
    items, others = representations(), representations(50)
    halves = {name: X[: M // 2] for name, X in items.items() if name in ("w7", "w11", "w18", "w40")}
    tests = {name: X[M // 2 :] for name, X in items.items() if name in halves}
    made = metrics()
    for name, metric in {**{name: name for name in NAMED}, **made}.items():
        given = {n: np.abs(X) for n, X in items.items()} if "poisson" in name else items
        bits.run(f"pairs.pairwise[{name}]", ng.pairwise, given, metric, n_threads=threads)
        columns = {f"other {n}": np.abs(X) for n, X in _first(others, 2).items()}
        key = f"pairs.pairwise[{name},others]"
        bits.run(key, ng.pairwise, _first(given, 3), metric, others=columns, n_threads=threads)
        small = {"narrow": given["w7"], "wide": given["w40"]}
        bits.run(f"pairs.pairwise[{name},two,tile=1]", ng.pairwise, small, metric, tile=1, n_threads=threads)
    together: list[Any] = [
        *NAMED,
        *(metric for name, metric in made.items() if name.startswith("RSA(corr") and metric.name != "rsa"),
    ]
    for n_threads, tile in ((1, None), (2, 3)):
        key = f"pairs.pairwise[together,threads={n_threads},tile={tile}]"
        bits.run(key, ng.pairwise, items, together, n_threads=n_threads, tile=tile)
    held_out = {
        name: metric
        for name, metric in {**{name: name for name in NAMED}, **made}.items()
        if isinstance(metric, str) or metric.has_held_out
    }
    for name, metric in held_out.items():
        if isinstance(metric, str) and not neurogeom.metrics.as_metric(metric).has_held_out:
            continue
        bits.run(
            f"pairs.pairwise[{name},held out]", ng.pairwise, halves, metric, test=tests, n_threads=threads
        )
    gaps = {name: X.astype(np.float64) for name, X in items.items()}
    gaps["w7"][3, 2] = gaps["w11"][[5, 9]] = np.nan
    chosen = ["procrustes", "cka", "cca", "rsa", "permutation", "r2", "gulp"]
    for metric in chosen:
        key = f"pairs.pairwise[{metric},omit]"
        bits.run(key, ng.pairwise, gaps, metric, nan_policy="omit", n_threads=threads)
    wrapped = [
        bits.run(
            f"representations.Representation[{name}]",
            ng.Representation,
            X,
            ids=[f"s{i}" for i in range(M)],
            name=name,
        )
        for name, X in items.items()
    ]
    result = bits.run("pairs.pairwise[Representation]", ng.pairwise, wrapped, chosen, n_threads=threads)
    one = result["procrustes"]
    bits.run("pairs.Pairwise.to_dataframe", one.to_dataframe)
    bits.run("pairs.Pairwise.to_xarray", one.to_xarray)
    bits.run("pairs.Pairwise.to_dict", one.to_dict)
    bits.keep("pairs.Pairwise.repr", repr(one))
    out = np.zeros((len(items), len(items)))
    bits.run("pairs.pairwise[out]", ng.pairwise, items, "nbs", out=out)
    bits.keep("pairs.pairwise[out].array", out)
    bits.run("pairs.pairwise[identical]", ng.pairwise, {"a": items["w7"], "b": items["w7"].copy()}, chosen)
    layers = _first(ng.datasets.load_minilm_clinc().layers, 4)
    bits.run(
        "pairs.pairwise[bundled]",
        ng.pairwise,
        {n: X[::4] for n, X in layers.items()},
        NAMED,
        n_threads=threads,
    )
    whole = ["procrustes", "cka", "rsa", "permutation", "nbs", "cca", "r2", ng.RSA("correlation", "kendall")]
    bits.run("pairs.pairwise[bundled,whole]", ng.pairwise, layers, whole, n_threads=threads)
    many = {f"n{i}": seeded(200 + i, 30, 5 + i % 7) for i in range(45)}
    bits.run("pairs.pairwise[many]", ng.pairwise, many, NAMED, n_threads=threads)
    frames = {name: pandas.DataFrame(X, index=[f"s{i}" for i in range(M)]) for name, X in items.items()}
    bits.run("pairs.pairwise[DataFrame]", ng.pairwise, frames, chosen, n_threads=threads)
    study_rdms(bits, threads, items)
    study_one_pair(bits, items, made)
    study_large(bits, threads, folder, made)
    study_streaming_cka(bits, items)


def study_rdms(bits: Bits, threads: int, items: dict[str, np.ndarray]) -> None:
    folds = np.repeat([0, 1, 2], M // 3)
    stimuli = np.tile(np.arange(M // 3), 3)
    noise = np.diag(1.0 + np.arange(7)) + 0.1
    for kind in RDM_KINDS[:5]:
        X = np.abs(items["w7"]) if kind == "poisson" else items["w7"]
        bits.run(f"metrics.rdm[{kind}]", ng.rdm, X, kind)
        bits.run(f"metrics.rdm[{kind},float32]", ng.rdm, X.astype(np.float32), kind)
    bits.run("metrics.rdm[mahalanobis]", ng.rdm, items["w7"], "mahalanobis", noise_covariance=noise)
    bits.run("metrics.rdm[crossnobis]", ng.rdm, items["w7"], "crossnobis", folds=folds, stimuli=stimuli)
    bits.run(
        "metrics.rdm[crossnobis,noise]",
        ng.rdm,
        items["w7"],
        "crossnobis",
        folds=folds,
        stimuli=stimuli,
        noise_covariance=noise,
    )
    rdms = [
        bits.run(
            f"representations.RDM[{name}]",
            ng.RDM,
            ng.rdm(X).condensed,
            ids=[f"s{i}" for i in range(M)],
            name=name,
        )
        for name, X in items.items()
    ]
    for compare in COMPARISONS:
        key = f"pairs.pairwise[RDM,{compare}]"
        bits.run(key, ng.pairwise, rdms, ng.RSA("correlation", compare), n_threads=threads)
    bits.run("pairs.pairwise[RDM and responses]", ng.pairwise, [*rdms[:2], items["w18"]], "rsa")
    arguments = bits.run("io.to_rsatoolbox", ng.to_rsatoolbox, rdms, measure="correlation")
    bits.run("io.from_rsatoolbox", ng.from_rsatoolbox, types.SimpleNamespace(**arguments))


def study_one_pair(bits: Bits, items: dict[str, np.ndarray], made: dict[str, ng.Metric]) -> None:
    X, Y, test_x, test_y = items["w7"], items["low"], seeded(40, 9, 7), seeded(41, 9, 15)
    for score, center in itertools.product(("angular", "euclidean"), (True, False)):
        options = {"score": score, "center": center}
        bits.run(f"metrics.procrustes[{_shown(options)}]", ng.procrustes, X, Y, **options)
        bits.run(f"metrics.cca[{_shown(options)}]", ng.cca, X, Y, **options)
    for kernel, estimator in itertools.product(("linear", "rbf"), ("biased", "debiased", "lange")):
        bits.run(f"metrics.cka[{kernel},{estimator}]", ng.cka, X, Y, kernel=kernel, estimator=estimator)
    for compare in COMPARISONS:
        bits.run(f"metrics.rsa[{compare}]", ng.rsa, X, Y, compare=compare)
    bits.run("metrics.subspace_angles", ng.subspace_angles, X, Y)
    bits.run("metrics.subspace_angles[3]", ng.subspace_angles, X, Y, n_components=3, center=False)
    bits.run("metrics.SubspaceDistance.angles", ng.SubspaceDistance().angles, X, Y)
    for name, metric in made.items():
        given = (np.abs(X), np.abs(Y)) if "poisson" in name else (X, Y)
        for verb in ("distance", "similarity"):
            if hasattr(metric, verb):
                bits.run(f"metrics.{name}.{verb}", getattr(metric, verb), *given)
        if hasattr(metric, "align"):
            same = X.shape[1] == Y.shape[1] or not isinstance(metric, ng.Permutation)
            pair, tests = ((X, Y), (test_x, test_y)) if same else ((X, X[:, ::-1]), (test_x, test_x[:, ::-1]))
            found = bits.run(f"metrics.{name}.fit", metric.fit, *pair)
            bits.run(f"metrics.{name}.transform", metric.transform, found, *tests)
            bits.run(f"metrics.{name}.align", metric.align, *pair)


def study_large(bits: Bits, threads: int, folder: Path, made: dict[str, ng.Metric]) -> None:
    """Items that are read in blocks of units, from files."""
    stimuli, width = 24, 90_000  # above the size from which items count as large
    latent = seeded(60, stimuli, 5)
    paths = []
    for i in range(3):
        rng = np.random.default_rng(61 + i)
        data = rng.standard_normal((stimuli, width), dtype=np.float32)
        data[:, ::2] += (latent @ rng.normal(size=(5, width // 2))).astype(np.float32)
        paths.append(folder / f"large{i}.npy")
        np.save(paths[-1], np.abs(data) + np.float32(0.1))
    mapped = {path.stem: np.load(path, mmap_mode="r") for path in paths}
    names = [n for n in NAMED if n not in ("permutation", "ridge", "pwcca")]
    bits.run("pairs.pairwise[large]", ng.pairwise, mapped, names, n_threads=threads)
    some = {
        name: metric
        for name, metric in made.items()
        if name.startswith(("CKA(", "RSA(", "SVCCA", "Shape", "CCA"))
        and not any(word in name for word in ("callable", "crossnobis", "covariance"))
        and name.partition(",")[2] not in ("spearman)", "kendall)", "rho-a)", "tau-b)")
    }
    for name, metric in some.items():
        bits.run(f"pairs.pairwise[large,{name}]", ng.pairwise, _first(mapped, 2), metric, n_threads=threads)
    bits.run("pairs.pairwise[large,stored]", ng.pairwise, ng.io.open_items(paths), ["procrustes", "cka"])
    three = {f"c{i}": np.load(path, mmap_mode="r")[:, :2000] for i, path in enumerate(paths)}
    bits.run("capacity.manifold_capacity[large]", ng.manifold_capacity, three, n_samples=30, rng=0)
    bits.run("clouds.alignment[large]", ng.alignment, three, null=3, rng=0)
    bits.run("clouds.random_projection[large]", ng.random_projection, three, 10, rng=0)


def study_streaming_cka(bits: Bits, items: dict[str, np.ndarray]) -> None:
    for estimator in ("debiased", "biased"):
        stream = bits.run(f"metrics.StreamingCKA[{estimator}]", ng.StreamingCKA, estimator)
        for start in range(0, M, 8):
            stream.update([X[start : start + 8] for X in items.values()])
        bits.run(f"metrics.StreamingCKA[{estimator}].finish", stream.finish, names=list(items))


def study_results(bits: Bits, folder: Path) -> None:
    """Saved, loaded, printed and tabulated."""
    clouds = clouds_of([10] * 5, 25, 5)
    a, b = clouds[:2]
    for name, result in {
        "ManifoldCapacity": ng.manifold_capacity(clouds, n_samples=40, null=2, keep_anchors=True, rng=0),
        "EffectiveGeometry": ng.effective_geometry(clouds, n_samples=40, rng=0),
        "CorrelatedCapacity": ng.correlated_capacity(clouds, n_samples=40, rng=0),
        "SimulatedCapacity": ng.simulated_capacity(clouds, n_trials=30, rng=0),
        "EllipsoidCapacity": ng.ellipsoid_capacity([1.0, 0.5], n_samples=100, rng=0),
        "ConeProjection": ng.project_cone(a, b),
        "Dimensionality": ng.dimensionality(np.concatenate(clouds)),
        "Alignment": ng.alignment(clouds, null=5, rng=0),
        "Overlap": ng.overlap(a, b),
        "Pairwise": ng.pairwise(representations(), "cka"),
    }.items():
        path = folder / f"{name}.npz"
        result.save(path)
        bits.run(f"results.load[{name}]", ng.load, path)
        bits.keep(f"results.repr[{name}]", repr(result))
        bits.run(f"results.to_dict[{name}]", result.to_dict)
        bits.run(f"results.to_dataframe[{name}]", result.to_dataframe)
    info = bits.run("build_info", ng.build_info)
    bits.keep("build_info.isa of this run", info["isa"])


def study_io(bits: Bits, folder: Path) -> None:
    import h5py
    import safetensors.numpy
    import zarr

    items = representations()
    root = folder / "files"
    root.mkdir()
    ids = np.array([f"s{i}" for i in range(M)])
    np.save(root / "one.npy", items["w7"])
    np.save(root / "fortran.npy", np.asfortranarray(items["f32"]))
    np.savez(root / "two.npz", first=items["w11"], second=items["low"], ids=ids, deep=seeded(0, M, 3, 4))
    np.savez_compressed(root / "packed.npz", only=items["int"])
    with h5py.File(root / "three.h5", "w") as file:
        file["group/inner"] = items["w18"]
        file["outer"] = items["f32"]
    safetensors.numpy.save_file({"tensor": items["f32"]}, root / "four.safetensors")
    group = zarr.open_group(str(root / "five.zarr"), mode="w")
    group.create_array("chunked", data=items["w40"], chunks=(5, 7))
    found = bits.run("io.open_items[folder]", ng.io.open_items, root)
    bits.run("io.open_items[flatten]", ng.io.open_items, root / "two.npz", keys=["deep"], flatten=True)
    bits.run("io.open_items[ids]", ng.io.open_items, root / "two.npz", keys=["first", "second"], ids="ids")
    bits.run("io.open_items[pattern]", ng.io.open_items, str(root / "*.npy"), names=["x", "y"])
    bits.run("io.open_items[mapping]", ng.io.open_items, {"a": items["w7"], "b": root / "one.npy"})
    bits.run("io.open_items[keys]", ng.io.open_items, root / "three.h5", keys=lambda key: "inner" in key)
    for item in found:
        bits.run(f"io.open_item[{item.name}]", ng.io.open_item, item.location)
        bits.run(f"io.content_hash[{item.name}]", ng.io.content_hash, item)
        bits.keep(f"io.StoredItem[{item.name}].part", item[3:9, ::2])
        bits.keep(f"io.StoredItem[{item.name}].rows", item[[4, 1]])
        bits.keep(f"io.StoredItem[{item.name}].repr", repr(item))
    bits.run("io.content_hash[array]", ng.io.content_hash, items["w7"])
    bits.run("pairs.pairwise[stored]", ng.pairwise, found, ["procrustes", "cka", "rsa"])


def study_sweeps(bits: Bits, threads: int, folder: Path) -> None:
    items, others = representations(), representations(50)
    halves = {name: X[: M // 2] for name, X in items.items()}
    tests = {name: X[M // 2 :] for name, X in items.items()}
    labels = np.repeat(["a", "b", "c", "d"], M // 4)
    jobs = {
        "mean_field": ng.sweep.CapacityJobs(labels, seeds=[0, 3], n_samples=40, margin=0.1),
        "joint": ng.sweep.CapacityJobs(labels, "joint", n_samples=40, dichotomies="iid"),
    }
    several: list[Any] = [*NAMED, ng.RSA("euclidean", "tau-a"), ng.ShapeMetric(0.4), ng.CKA("rbf", "lange")]
    rdms = [ng.RDM(ng.rdm(X).condensed, name=name) for name, X in items.items()]
    cases: dict[str, tuple[Any, Any, dict[str, Any]]] = {
        "metrics": (items, several, {"tile": 3}),
        "one": (items, "cka", {"tile": 4}),
        "held out": (halves, ["procrustes", "cca"], {"test": tests, "tile": 3}),
        "null": (items, ["cka", "procrustes", "rsa", "r2"], {"null": 9, "rng": 1, "tile": 3}),
        "others": (
            _first(items, 3),
            ["procrustes", "ridge"],
            {"others": _first(others, 4), "tile": 2, "null": 5},
        ),
        "rdm": (rdms, ng.RSA("correlation", "kendall"), {"tile": 3}),
        "mean_field": (items, jobs["mean_field"], {"tile": 3}),
        "joint": (_first(items, 3), jobs["joint"], {"tile": 2, "fields": ["capacity", "effective_radius"]}),
    }
    for name, (given, metric, options) in cases.items():
        store = folder / f"{name}.zarr"
        bits.run(f"sweep.plan[{name}]", ng.sweep.plan, given, metric, store=store, **options)
        if name == "one":
            bits.run(f"sweep.open[{name},before]", ng.sweep.open, store)
            bits.run(f"sweep.work[{name}]", ng.sweep.work, store, rank=0, of=2, n_threads=threads)
        bits.run(f"sweep.run[{name}]", ng.sweep.run, store, n_threads=threads)
        bits.run(f"sweep.open[{name}]", ng.sweep.open, store)
        bits.run(f"sweep.status[{name}]", ng.sweep.status, store)
        bits.run(f"sweep.verify[{name}]", ng.sweep.verify, store, n_threads=threads)
        for ending in ("csv", "npz"):
            path = folder / f"{name}.{ending}"
            bits.run(f"sweep.export[{name},{ending}].call", ng.sweep.export, store, path)
            keep_file(bits, f"sweep.export[{name},{ending}]", path)
        if name in ("metrics", "null", "mean_field", "held out"):
            new = {f"new {key}": np.ascontiguousarray(X[:, ::-1]) for key, X in _first(given, 2).items()}
            more = (
                {} if name != "held out" else {"test": {f"new {k}": X for k, X in _first(tests, 2).items()}}
            )
            if more:
                new = {f"new {key}": X for key, X in _first(given, 2).items()}
            bits.run(f"sweep.extend[{name}]", ng.sweep.extend, store, new, **more)
            bits.run(f"sweep.run[{name},extended]", ng.sweep.run, store, n_threads=threads)
            bits.run(f"sweep.open[{name},extended]", ng.sweep.open, store)
    table = ng.sweep.open(folder / "mean_field.zarr")
    bits.keep("sweep.CapacityTable[field]", table["mean_capacity"])
    bits.run("sweep.CapacityTable.to_dataframe", table.to_dataframe)
    bits.run("sweep.CapacityTable.to_xarray", table.to_xarray)
    bits.meet(ng.sweep.SweepIncomplete("stopped", ng.sweep.status(folder / "one.zarr")))
    bits.run("sweep.open[no sweep]", ng.sweep.open, folder)
    bits.meet(ng.sweep.SweepError("damaged"))


def study_mftma(bits: Bits) -> None:
    clouds = [cloud.T for cloud in clouds_of([9, 9, 9, 9, 9], 30, 1)]
    unequal = [cloud.T for cloud in clouds_of([5, 9, 7], 30, 2)]
    targets = [seeded(70 + i, 10, 40) for i in range(5)]
    single = np.concatenate([clouds[0][:8], np.ones((1, 9))])
    for name, module in {"plain": manifold_analysis, "corr": manifold_analysis_correlation}.items():
        function = module.manifold_analysis if name == "plain" else module.manifold_analysis_corr
        for kappa, given in itertools.product((0, 0.2), ("equal", "unequal")):
            np.random.seed(0)
            key = f"mftma.{name}[{kappa},{given}]"
            bits.run(key, function, clouds if given == "equal" else unequal, kappa, 60)
        np.random.seed(0)
        bits.run(f"mftma.{name}[t_vecs]", function, clouds, 0, 40, t_vecs=targets)
        np.random.seed(0)
        bits.run(f"mftma.{name}.each", module.each_manifold_analysis_D1, single, 0, 50)
        bits.run(f"mftma.{name}.maxproj", module.maxproj, seeded(71, 9, 6), single)
        bits.run(f"mftma.{name}.minimize_vt_sq", module.minimize_vt_sq, seeded(72, 9, 1), single, 0.1)
    np.random.seed(0)
    bits.run("mftma.fun_FA", manifold_analysis_correlation.fun_FA, seeded(73, 12, 8), 4, 200, 3)
    for seed in (0, 1):
        key = f"mftma.simcap[{seed}]"
        bits.run(key, manifold_simcap_analysis.manifold_simcap_analysis, clouds, 20, seed=seed)
    bits.run("mftma.dimension", alldata_dimension_analysis.alldata_dimension_analysis, clouds, 0.8)
    points = np.concatenate(clouds, axis=1)
    bits.run("mftma.ratio", alldata_dimension_analysis.compute_participation_ratio, points)
    bits.run("mftma.expvar", alldata_dimension_analysis.compute_dim_expvar, points, 0.8)
    dataset = [(seeded(i, 12) + i % 4, i % 4) for i in range(60)]
    batches = bits.run("mftma.make_manifold_data", make_manifold_data.make_manifold_data, dataset, 3, 6, 4, 2)
    model = Layer(Layer(weights=seeded(74, 12, 16)), Layer(weights=seeded(75, 16, 8)))
    bits.run("mftma.extractor", activation_extractor.extractor, model, [Tensor(batch) for batch in batches])
    tensors = [(Tensor(x), y) for x, y in dataset]
    options = {"n_t": 30, "projection_dimension": 10, "verbose": False}
    bits.run("mftma.analyze", analyze_pytorch.analyze, model, tensors, 3, 6, max_class=4, **options)


def stack(items: list[Tensor]) -> Tensor:
    """As torch does it: the library of the items is asked for this."""
    return Tensor(np.stack([item.numpy() for item in items]))


class Tensor(np.ndarray):
    """An array that looks like a tensor of torch."""

    def __new__(cls, value: Any) -> Tensor:
        return np.asarray(value).view(cls)

    @property
    def data(self) -> Any:
        return self

    def cpu(self) -> Tensor:
        return self

    def numpy(self) -> np.ndarray:
        return np.array(self)


class Layer:
    """A module that looks like one of torch."""

    def __init__(self, *children: Layer, weights: np.ndarray | None = None) -> None:
        self._children, self._weights, self._hooks = children, weights, []

    def children(self) -> Iterator[Layer]:
        return iter(self._children)

    def _get_name(self) -> str:
        return "Layer"

    def register_forward_hook(self, hook: Callable[..., None]) -> Any:
        self._hooks.append(hook)
        return types.SimpleNamespace(remove=self._hooks.clear)

    def __call__(self, value: Any) -> Any:
        for child in self._children:
            value = child(value)
        if self._weights is not None:
            value = Tensor(np.maximum(0, np.asarray(value) @ self._weights))
        for hook in self._hooks:
            hook(self, None, value)
        return value


def study_netrep(bits: Bits) -> None:
    items = [X.astype(float) for name, X in representations().items() if name in ("w7", "w11", "w18")]
    others = [X.astype(float) for name, X in representations(50).items() if name in ("w7", "w11")]
    train, test = [X[:16] for X in items], [X[16:] for X in items]
    for name, metric in {
        "LinearMetric": LinearMetric(),
        "LinearMetric(0.4)": LinearMetric(0.4),
        "LinearMetric(0,euclidean)": LinearMetric(0.0, score_method="euclidean"),
        "LinearMetric(parity)": LinearMetric(0.5, parity=True),
        "LinearMetric(raw)": LinearMetric(center_columns=False),
        "PermutationMetric": PermutationMetric(),
        "PermutationMetric(euclidean)": PermutationMetric(score_method="euclidean"),
        "PermutationMetric(parity)": PermutationMetric(parity=True),
        "LinearCKA": LinearCKA(),
        "LinearCKA(parity)": LinearCKA(parity=True),
    }.items():
        bits.run(f"netrep.{name}.fit_score", metric.fit_score, items[0], items[1])
        metric.fit(train[0], train[1])
        bits.run(f"netrep.{name}.score", metric.score, test[0], test[1])
        bits.run(f"netrep.{name}.get_params", metric.get_params)
        if hasattr(metric, "transform"):
            bits.run(f"netrep.{name}.transform", metric.transform, test[0], test[1])
            bits.run(
                f"netrep.{name}.pairwise", metric.pairwise_distances, train, test, processes=2, verbose=False
            )
            caches = metric.partial_fit(train[0]), metric.partial_fit(train[2])
            bits.meet(caches)
            metric.finalize_fit(*caches)
            bits.keep(f"netrep.{name}.fitted", {k: v for k, v in vars(metric).items() if k.endswith("_")})
        bits.run(
            f"netrep.pairwise_distances[{name}]", multiset.pairwise_distances, metric, items, verbose=False
        )
        bits.run(
            f"netrep.pairwise_distances[{name},test]",
            multiset.pairwise_distances,
            metric,
            train,
            test,
            verbose=False,
        )
        bits.run(
            f"netrep.cross_distances[{name}]", multiset.cross_distances, metric, items, others, verbose=False
        )
        key = f"netrep.cross_distances[{name},test]"
        bits.run(
            key,
            multiset.cross_distances,
            metric,
            train,
            [X[:16] for X in others],
            test,
            [X[16:] for X in others],
            verbose=False,
        )


def study_glue(bits: Bits) -> None:
    clouds = [cloud.T for cloud in clouds_of([8] * 5, 40, 3, 0.5)]
    unequal = [cloud.T for cloud in clouds_of([6, 9, 7, 8], 40, 4, 0.5)]
    for options in (
        {},
        {"analysis_type": "ONE_VERSUS_REST_ALL"},
        {"analysis_type": "FIRST_VERSUS_REST", "alignment": "signed_cos"},
        {"analysis_type": "RANDOM", "alignment": "abs_raw", "center_axis": "other"},
        {"analysis_type": "BALANCED", "inactive": "zero", "bias": True},
        {"shuffle": True, "inactive": "exclude", "preprocess_type": None},
        {"return_matrix": True, "inactive": "maxproj"},
    ):
        for name, given in {"equal": clouds, "unequal": unequal}.items():
            key = f"glue.glue_analysis[{name},{_shown(options)}]"
            bits.run(key, glue.glue_analysis, given, n_hyperplanes=50, seed=0, **options)
    for matrices in (False, True):
        key = f"glue.glue_analysis_dataframe[{matrices}]"
        bits.run(
            key,
            glue.glue_analysis_dataframe,
            clouds,
            (3, "V1"),
            ["mouse", "area"],
            n_hyperplanes=40,
            shuffle=True,
            seed=0,
            return_matrix=matrices,
        )
    signs = [[1, -1, 1, -1, 1], [1, 1, -1, -1, -1]]
    bits.run("glue.gcmc_analysis", glue.gcmc_analysis, clouds, signs, 40, seed=0)
    bits.run("glue.simulation_capacity", glue.simulation_capacity, clouds, signs, 20, seed=0)
    bits.run("glue.reallocate_origin", glue.reallocate_origin, clouds)
    bits.run("glue.shuffle_manifolds", glue.shuffle_manifolds, unequal, seed=1)
    bits.run("glue.downsample_manifolds", glue.downsample_manifolds, unequal, 5, seed=1)
    np.random.seed(5)
    bits.run("glue.glue_analysis[global seed]", glue.glue_analysis, clouds, n_hyperplanes=30)
    for name, given in {
        "wide": clouds,
        "narrow": [c[:10] for c in clouds],
        "unequal": unequal,
    }.items():
        for kappa in (0.0, 0.3):
            np.random.seed(0)
            bits.run(f"correlated_capacity[{name},{kappa}]", wakhloo.manifold_analysis_corr, given, kappa, 30)


def study_command_line(bits: Bits, threads: int, folder: Path) -> None:
    text, items = ng.datasets.load_minilm_clinc(), representations()
    few = text.labels < 6
    layers = {name: X[few] for name, X in text.layers.items()}
    np.savez(folder / "data.npz", y=text.classes[text.labels[few]], **_first(layers, 2))
    np.savez(folder / "nets.npz", **{name: X for name, X in items.items() if X.ndim == 2})
    np.save(folder / "labels.npy", np.repeat(["a", "b", "c", "d"], M // 4))
    for name, X in items.items():
        np.save(folder / f"net_{name}.npy", X)
    own = ["--threads", str(threads)]
    nets = [f"net_{name}.npy" for name in items]
    capacity = ["capacity", "data.npz", "--labels", "y", "--samples", "60", *own]
    compare = ["compare", "nets.npz", *own]
    plan = ["sweep", "plan", *nets, "--tile", "3", "--store"]
    # What prints costs or times is followed, but not kept.
    for key, line, files in (
        ("capacity", [*capacity, "--null", "2", "--out", "c.csv", "--plot", "c.png"], ["c.csv", "c.png"]),
        ("capacity json", [*capacity, "--margin", "0.2", "--per-manifold", "--out", "c.json"], ["c.json"]),
        ("joint", [*capacity, "--method", "joint", "--null", "2", "--out", "j.csv"], ["j.csv"]),
        ("joint json", [*capacity, "--method", "joint", "--per-manifold", "--out", "j.json"], ["j.json"]),
        (
            "joint plot",
            [*capacity, "--method", "joint", "--inactive", "drop", "--out", "-", "--plot", "j.png"],
            ["j.png"],
        ),
        (
            "simulated",
            [*capacity[:-4], *own, "--method", "simulated", "--trials", "30", "--out", "s.json"],
            ["s.json"],
        ),
        (
            "compare",
            [*compare, "--metric", "cka", "--metric", "rsa", "--out", "p.csv", "--plot", "p.png"],
            ["p.csv", "p.png"],
        ),
        ("compare json", [*compare, "--metric", "procrustes", "--out", "p.json"], ["p.json"]),
        (
            "compare npz",
            [*compare, "--metric", "cca", "--metric", "r2", "--out", "p.npz"],
            ["p.cca.npz", "p.r2.npz"],
        ),
        ("compare stdout", [*compare, "--metric", "nbs", "--out", "-"], []),
        ("demo", ["demo", "--samples", "40", *own], []),
        ("sweep plan", [*plan, "a.zarr", "--metric", "cka", "--metric", "procrustes", "--null", "5"], None),
        ("sweep run", ["sweep", "run", "a.zarr", *own], None),
        ("sweep export csv", ["sweep", "export", "a.zarr", "a.csv"], ["a.csv"]),
        ("sweep export npz", ["sweep", "export", "a.zarr", "a.npz"], ["a.npz"]),
        ("sweep export stdout", ["sweep", "export", "a.zarr", "-"], []),
        ("sweep extend", ["sweep", "extend", "a.zarr", "nets.npz", "--prefix", "more "], None),
        ("sweep run dask", ["sweep", "run", "a.zarr", "--dask-workers", "2"], None),
        ("sweep verify", ["sweep", "verify", "a.zarr", *own], None),
        ("sweep export extended", ["sweep", "export", "a.zarr", "more.npz"], ["more.npz"]),
        (
            "sweep plan capacity",
            [
                *plan,
                "b.zarr",
                "--capacity",
                "mean_field",
                "--labels",
                "labels.npy",
                "--seeds",
                "0,1",
                "--samples",
                "40",
            ],
            None,
        ),
        ("sweep run capacity", ["sweep", "run", "b.zarr", *own], None),
        ("sweep export capacity", ["sweep", "export", "b.zarr", "b.csv"], ["b.csv"]),
    ):
        done = subprocess.run(
            [sys.executable, "-m", "neurogeom", *line],
            cwd=folder,
            env={**os.environ, "MPLBACKEND": "Agg"},
            capture_output=True,
            text=True,
            check=False,
        )
        bits.keep(f"cli[{key}].code", done.returncode)
        if files is not None:
            timeless = re.sub(r"\S+ s with \d+ threads?", "... s", done.stdout)
            bits.keep(f"cli[{key}].stdout", timeless)
        for name in files or []:
            keep_file(bits, f"cli[{key}].{name}", folder / name)
        if done.returncode:
            bits.raised.append(f"cli[{key}]: {done.stderr}")


def study_tables(bits: Bits, folder: Path) -> None:
    """Tables and files, by whichever of their public names there are."""
    clouds = clouds_of([10] * 5, 25, 5)
    capacity = {
        name: ng.manifold_capacity(clouds, n_samples=40, null=2, rng=i) for i, name in enumerate("ab")
    }
    geometry = {name: ng.effective_geometry(clouds, n_samples=40, rng=i) for i, name in enumerate("ab")}
    simulated = {"a": ng.simulated_capacity(clouds, n_trials=30, rng=0)}
    pairs = ng.pairwise(representations(), "cka")
    try:
        report: Any = importlib.import_module("neurogeom.report")
    except ImportError:
        return
    for name, given in {
        "capacity_table": (capacity,),
        "geometry_table": (geometry,),
        "alignment_table": (geometry,),
        "simulated_table": (simulated,),
        "pairwise_table": (pairs,),
    }.items():
        if hasattr(report, name):
            bits.run(f"report.{name}", getattr(report, name), *given)
    for name, results in {"capacity": capacity, "geometry": geometry, "simulated": simulated}.items():
        for per_manifold in (False, True) if name != "simulated" else (False,):
            file = io.StringIO()
            bits.run(
                f"report.write_csv[{name},{per_manifold}]",
                report.write_csv,
                file,
                results,
                per_manifold=per_manifold,
            )
            bits.keep(f"report.write_csv[{name},{per_manifold}].content", file.getvalue())


def keep_file(bits: Bits, key: str, path: Path) -> None:
    """Keep a file that was written: text, arrays, or a digest."""
    if not path.exists():
        bits.keep(f"{key}.missing", True)
    elif path.suffix == ".npz":
        with np.load(path) as stored:
            for name in stored.files:
                bits.keep(f"{key}.{name}", stored[name])
    elif path.suffix in (".csv", ".json"):
        bits.keep(f"{key}.content", path.read_text())
    else:
        bits.keep(f"{key}.digest", path.read_bytes())


def _first(items: Mapping[str, Any], count: int) -> dict[str, Any]:
    return dict(itertools.islice(items.items(), count))


def _shown(options: Mapping[str, Any]) -> str:
    return ",".join(f"{name}={value}" for name, value in options.items())


# ---- completeness


def public_callables() -> Iterator[tuple[str, Any]]:
    """Names that users may call: those of all public modules that results come from."""
    for module in (ng, ng.metrics, ng.sweep, ng.io):
        for name in module.__all__:
            yield f"{module.__name__}.{name}", getattr(module, name)
    modules = [ng.datasets]
    for found in pkgutil.walk_packages(neurogeom.compat.__path__, "neurogeom.compat."):
        if not any(part.startswith("_") for part in found.name.split(".")):
            modules.append(importlib.import_module(found.name))
    for module in modules:
        names = getattr(module, "__all__", None) or [
            name
            for name, value in vars(module).items()
            if not name.startswith("_") and getattr(value, "__module__", "") == module.__name__
        ]
        for name in names:
            yield f"{module.__name__}.{name}", getattr(module, name)


def not_met(bits: Bits) -> list[str]:
    """Public functions that were not called, and classes of which no object came or went."""
    # What only those need who write metrics of their own.
    for_authors = {"Part", "Product", "Distance", "Similarity", "as_metric", "as_metrics"}
    missing = []
    for name, value in public_callables():
        callable_ = inspect.isfunction(value) or inspect.isclass(value)
        if callable_ and value not in bits.met and name.rpartition(".")[2] not in for_authors:
            missing.append(name)
    return missing


# ---- comparison


def compare(before: Path, after: Path) -> int:
    """Print what differs; give the number of differences."""
    with np.load(before) as first, np.load(after) as second:
        old, new = (dict(stored) for stored in (first, second))
    added, missing = sorted(new.keys() - old.keys()), sorted(old.keys() - new.keys())
    for key in added:
        print(f"only after   {key}")
    for key in missing:
        print(f"only before  {key}")
    different = 0
    for key in sorted(old.keys() & new.keys()):
        why = difference(old[key], new[key])
        if why:
            different += 1
            print(f"differs      {key}: {why}")
    same = len(old.keys() & new.keys()) - different
    print(
        f"{same} of {len(old)} values have the same bits; {different} differ, {len(missing)} are missing, "
        f"{len(added)} are new"
    )
    return different + len(missing)


def difference(a: np.ndarray, b: np.ndarray) -> str:
    """How two arrays differ; nothing if they have the same bits."""
    if a.dtype.kind in "US" and b.dtype.kind in "US" and a.shape == b.shape:
        at = np.flatnonzero((a != b).ravel())
        if not len(at):
            return ""
        left, right = str(a.ravel()[at[0]]), str(b.ravel()[at[0]])
        where = next(
            (i for i, (x, y) in enumerate(zip(left, right, strict=False)) if x != y),
            min(len(left), len(right)),
        )
        start = max(0, where - 20)
        return f"text {left[start : where + 30]!r} -> {right[start : where + 30]!r}"
    if (a.dtype, a.shape) != (b.dtype, b.shape):
        return f"{a.dtype} {a.shape} -> {b.dtype} {b.shape}"
    if a.tobytes() == b.tobytes():
        return ""
    if a.dtype.kind not in "fc":
        return f"{np.count_nonzero(a != b)} of {a.size} entries"
    x, y = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    if not np.array_equal(np.isfinite(x), np.isfinite(y)):
        return "other entries are finite"
    with np.errstate(divide="ignore", invalid="ignore"):
        relative = np.abs(x - y) / np.maximum(np.abs(x), np.abs(y))
    changed = np.count_nonzero(x.view(np.int64) != y.view(np.int64)) if x.ndim else 1
    return f"{changed} of {a.size} entries, at most {np.nanmax(relative, initial=0.0):.1e} relative"


def main() -> None:
    """Write a file of results, or compare two."""
    parser = argparse.ArgumentParser()
    parser.add_argument("out", nargs="?", type=Path, help=".npz to write")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--compare", nargs=2, type=Path, metavar=("BEFORE", "AFTER"))
    args = parser.parse_args()
    if args.compare:
        sys.exit(compare(*args.compare) > 0)
    if args.out is None:
        parser.error("give a file to write, or --compare")
    bits, threads = Bits(), args.threads
    print(f"neurogeom in {Path(ng.__file__).parent}, {ng.build_info()['isa']}")
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        for study, options in (
            (study_capacity, (threads,)),
            (study_clouds, ()),
            (study_generalization, (threads,)),
            (study_pairs, (threads, folder)),
            (study_results, (folder,)),
            (study_io, (folder,)),
            (study_sweeps, (threads, folder)),
            (study_mftma, ()),
            (study_netrep, ()),
            (study_glue, ()),
            (study_tables, (folder,)),
            (study_command_line, (threads, folder)),
        ):
            start, count = time.perf_counter(), len(bits.values)
            try:
                study(bits, *options)
            except Exception as error:  # of the study itself; the others go on
                bits.raised.append(f"{study.__name__} ended early: {error!r}")
                traceback.print_exc()
            name, took = study.__name__.removeprefix("study_"), time.perf_counter() - start
            print(f"{name:14} {len(bits.values) - count:6} values {took:6.1f} s", flush=True)
    for text in bits.raised:
        print(f"raised: {text.splitlines()[-1] if text.startswith('cli') else text}")
    missing = not_met(bits)
    print(f"not called: {', '.join(missing) or 'nothing'}")
    np.savez_compressed(args.out, **bits.values)
    sys.exit(bool(missing))


if __name__ == "__main__":
    main()
