"""Data of the benches of joint capacity, and the measured call."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import warnings
from typing import NamedTuple

import neurogeom as ng
import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


class JointCase(NamedTuple):
    """Gaussian clouds: number, points of each, dimensions, radius relative to the centre's norm."""

    n_manifolds: int
    n_points: int
    n_features: int
    radius: float

    def __str__(self) -> str:
        return "{} x {} points, {} dimensions, radius {:g}".format(*self)


BELOW = (JointCase(10, 50, 100, 1), JointCase(20, 100, 200, 1), JointCase(50, 50, 500, 1))
ABOVE = (JointCase(10, 50, 100, 3), JointCase(20, 100, 200, 3))
NEAR = JointCase(100, 100, 500, 1)  # near capacity: hundreds of points support a projection


def joint_clouds(case: JointCase, seed: int = 0) -> Array:
    """Isotropic Gaussian clouds (P, M, N) of the case's rms radius about random centres of norm 1."""
    rng = np.random.default_rng(seed)
    centers = rng.normal(size=(case.n_manifolds, 1, case.n_features))
    centers /= np.linalg.norm(centers, axis=2, keepdims=True)
    points = rng.normal(size=case[:3])
    points *= case.radius / np.sqrt((points**2).sum(axis=2).mean(axis=1))[:, None, None]
    return np.asarray(centers + points)


def geometry(clouds: Array, n_samples: int, rng: int = 0, n_threads: int = 1) -> ng.EffectiveGeometry:
    """The measured call: everything that a user gets, own draws and independent labels, nothing centred."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ng.ConvergenceWarning)  # above capacity most is inseparable
        return ng.effective_geometry(
            clouds, dichotomies="iid", n_samples=n_samples, center=False, rng=rng, n_threads=n_threads
        )


def near_capacity(n_samples: int) -> dict[str, float]:
    """Run the large case in a process of its own: seconds, peak memory in MB, and what it found."""
    code = f"""
import json, resource, time
from bench.cases_joint import NEAR, geometry, joint_clouds
clouds = joint_clouds(NEAR)
start = time.process_time()
r = geometry(clouds, {n_samples})
seconds = time.process_time() - start
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
names = ("capacity", "kkt_residual", "inseparable_fraction", "n_failed")
print(json.dumps(dict(seconds=seconds, peak=peak) | dict((name, getattr(r, name)) for name in names)))
"""
    here = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=here, check=True, capture_output=True, text=True, timeout=1800
    )
    return dict(json.loads(done.stdout))
