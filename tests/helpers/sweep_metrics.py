"""Metrics of one's own that other processes can import, for tests of sweeps."""

from __future__ import annotations

import errno
import os
import time

import neurogeom as ng
import numpy as np


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
