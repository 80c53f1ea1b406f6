"""Metrics and functions of a user's own module, which other processes can import, for tests of sweeps."""

from __future__ import annotations

import errno
import json
import os
import signal
import time
import zlib
from pathlib import Path

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


class Sluggish(ng.metrics.base.Distance):
    """Sum of absolute differences of Gram matrices, after a nap of SLUGGISH seconds a tile."""

    name = "sluggish"

    def prepare(self, data, label):
        X = np.asarray(data, dtype=float)
        return X @ X.T

    def pair(self, tile, products):
        time.sleep(float(os.environ.get("SLUGGISH", "0")))
        values = np.full(tile.where.shape, np.nan)
        for i, j in np.argwhere(tile.where):
            values[i, j] = np.abs(tile.rows[i][self] - tile.columns[j][self]).sum()
        return values


class Moody(Sluggish):
    """The same, but it fails where the environment says so: "error", or "disk" for a full one."""

    name = "moody"

    def pair(self, tile, products):
        mood = os.environ.get("MOOD")
        if mood == "error":
            raise RuntimeError("not in the mood")
        if mood == "disk":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return super().pair(tile, products)


class Controlled(ng.Procrustes):
    """Procrustes distance that asks a folder, tile by tile, whether it may go on.

    With a file ``open`` it may. Otherwise it takes a file ``ticket-*`` away, one a tile; if there is none it
    says so with a file ``waiting-PID`` and waits. A file ``orders.json`` names a pair by its numbers of units
    and what happens there: "kill", "raise" or "nan". A file ``bad-item`` names a number of units that cannot
    be prepared ("5"), or that kills its process ("5 kill").
    """

    def __init__(self, folder):
        super().__init__()
        self.folder = folder

    def prepare(self, data, label):
        """Remember the number of units, which names an item in orders."""
        del label
        bad = Path(self.folder) / "bad-item"
        number, _, action = (bad.read_text() if bad.exists() else "").partition(" ")
        if number == str(np.asarray(data).shape[1]):
            if action == "kill":
                os.kill(os.getpid(), signal.SIGKILL)
            raise RuntimeError("this item is poison")
        return np.asarray(data).shape[1]

    def pair(self, tile, products):
        """Give the distances, once the tile may be computed."""
        values = super().pair(tile, products)
        folder = Path(self.folder)
        (folder / f"threads-{tile.n_threads}").touch()
        _take_ticket(folder)
        if (folder / "orders.json").exists():
            orders = json.loads((folder / "orders.json").read_text())
            rows, columns = ([item[self] for item in side] for side in tile.sides)
            named = np.array([[{n, m} == set(orders["widths"]) for m in columns] for n in rows]) & tile.where
            if named.any():
                _obey(orders["action"], values, named)
        return values


def _take_ticket(folder):
    while not (folder / "open").exists():
        for ticket in folder.glob("ticket-*"):
            try:
                ticket.unlink()
            except FileNotFoundError:  # another process was faster
                continue
            return
        (folder / f"waiting-{os.getpid()}").touch()
        time.sleep(0.005)


def _obey(action, values, named):
    if action == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if action == "raise":
        raise RuntimeError("this pair is poison")
    assert action == "nan"
    values[named] = np.nan
