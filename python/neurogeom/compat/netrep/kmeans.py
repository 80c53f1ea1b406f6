"""Stands in for ``netrep.kmeans``, which cannot be imported there."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..._base.checks import FloatArray
from ...pairs.clustering import shape_kmeans
from ._random import seed_from


def procrustes_kmeans(
    Xs: Any, n_clusters: int, dist_matrix: Any = None, max_iter: int = 100, random_state: Any = None
) -> tuple[list[FloatArray], NDArray[np.int64], FloatArray]:
    """Cluster representations around means in the space of Procrustes distances.

    Parameters
    ----------
    Xs : sequence of arrays (m, n)
        Representations; they are centred.
    n_clusters : int
        Number of clusters.
    dist_matrix : ndarray, optional
        Without effect: distances that seed the search are computed anew, which takes little.
    max_iter : int
        Rounds.
    random_state : None, int or RandomState
        Source of random numbers.

    Returns
    -------
    centroids : list of ndarray (m, n)
        Means of the clusters.
    labels : ndarray of shape (K,)
        Cluster of each representation.
    cent_dists : ndarray of shape (n_clusters, K)
        Angular distance of each centroid to each representation.

    Examples
    --------
    >>> import numpy as np
    >>> A, B = np.random.default_rng(0).normal(size=(2, 10, 3))
    >>> procrustes_kmeans([A, B, A[:, ::-1], -B], 2, random_state=0)[1].tolist()
    [0, 1, 0, 1]
    """
    del dist_matrix
    found = shape_kmeans(
        list(Xs), n_clusters, score="angular", max_iter=max_iter, rng=seed_from(random_state)
    )
    return list(found.centroids), found.labels, found.distances
