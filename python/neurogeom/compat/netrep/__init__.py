"""Stands in for the package ``netrep`` (generalized shape metrics).

Put ``neurogeom.compat.`` in front of ``netrep`` in the imports of a script; nothing else changes::

    from neurogeom.compat.netrep.metrics import LinearMetric, PermutationMetric, LinearCKA
    from neurogeom.compat.netrep.multiset import pairwise_distances, frechet_mean

It has linear, permutation and stochastic metrics, CKA, sweeps with them, metrics of convolutional
layers, Frechet means, tangent spaces, k-means (which cannot be imported in netrep), and the
functions of ``utils`` and ``validation``. As in netrep, representations are (samples x neurons)
arrays. Sweeps run on the engine behind :func:`neurogeom.pairwise`, in threads. Metrics are
scikit-learn estimators in all but descent: ``clone`` and ``cross_validate(metric, X, Y)`` accept
them, and scikit-learn need not be installed. Where the original's numbers are wrong or undefined
ours are right, and ``parity=True`` reproduces the original's: see
:class:`~neurogeom.compat.netrep.metrics.LinearMetric`.
"""

from ..._base.lazy import lazily as _lazily

__getattr__, __dir__ = _lazily(__name__)
