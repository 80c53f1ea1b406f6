"""Metrics and functions of a user's own module, which other processes can import, for tests of sweeps."""

from __future__ import annotations

import zlib

import neurogeom as ng
import numpy as np
from neurogeom.metrics import Metric, Similarity


class UnitCount(Metric):
    """Difference of the numbers of units, plus a weight: asymmetric, no parts, only prepare and pair."""

    symmetric = False
    diagonal = None

    def __init__(self, weight=1.0, *, offset=None):
        self.weight = weight
        self.offset = np.zeros(2) if offset is None else np.asarray(offset, dtype=float)
        self.name = f"units({weight:g})"

    def prepare(self, data, label):
        return {"count": data.shape[1], "label": label, "mean": float(data.mean())}

    def pair(self, tile, products):
        left, right = ([item[self]["count"] for item in side] for side in tile.sides)
        values = self.weight * np.subtract.outer(left, right) + self.offset.sum()
        return np.where(tile.where, values, np.nan)


class Heavier(UnitCount):
    """A subclass whose constructor takes other arguments than its base's."""

    def __init__(self, doubled, /):
        super().__init__(2.0 * doubled)


class MeanProduct(Similarity):
    """Symmetric, with arrays in what it prepares; refuses items of one unit."""

    name = "mean product"

    def prepare(self, data, label):
        if data.shape[1] == 1:
            raise ValueError(f"{label} has one unit")
        return data.mean(axis=1)

    def pair(self, tile, products):
        left, right = (np.array([item[self] for item in side]) for side in tile.sides)
        values = np.array([[float(np.dot(x, y)) for y in right] for x in left])
        return np.where(tile.where, values, np.nan)


class Sometimes(MeanProduct):
    """Has no value for the pairs of the item with the most units."""

    name = "sometimes"
    diagonal = None

    def prepare(self, data, label):
        return data.mean(axis=1) if data.shape[1] < 9 else np.full(len(data), np.nan)


class Crossed(Metric):
    """The bits, as a checksum, of a product that is written as users do; of every `step`-th unit."""

    name = "crossed"
    symmetric = False
    diagonal = None

    def __init__(self, step=1):
        self.step = step

    def prepare(self, data, label):
        return data[:, :: self.step]

    def pair(self, tile, products):
        left, right = ([item[self] for item in side] for side in tile.sides)
        values = np.array([[float(zlib.crc32((x.T @ y).tobytes())) for y in right] for x in left])
        return np.where(tile.where, values, np.nan)


class Outer:
    class Inner(MeanProduct):
        name = "inner"


def cubic_kernel(data):
    return (1 + data @ data.T) ** 3


def unit_variances(data):
    return data.var(axis=0) + 1.0


def biased_cka():
    return ng.CKA(estimator="biased")


ready = ng.CKA("rbf")
not_a_metric = [1, 2, 3]
