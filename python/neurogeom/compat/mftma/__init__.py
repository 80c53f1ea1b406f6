"""Stands in for the package ``mftma`` (replica mean-field theory analysis of object manifolds).

Put ``neurogeom.compat.`` in front of ``mftma`` in the imports of a script; nothing else changes::

    from neurogeom.compat.mftma.manifold_analysis_correlation import manifold_analysis_corr

As in the original, manifolds are (features x points) arrays and random numbers come from ``numpy.random``, so
``numpy.random.seed`` is honoured. Neither cvxopt nor pymanopt nor torch is needed.
"""

from ..._base.lazy import lazily as _lazily

__getattr__, __dir__ = _lazily(__name__)
