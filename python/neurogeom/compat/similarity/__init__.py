"""Stands in for ``similarity``, the public registry ``similarity-repository`` of measures.

Put ``neurogeom.compat.`` in front of the import of a script; names and values stay::

    from neurogeom.compat import similarity

    measure = similarity.make("measure/netrep/procrustes-distance=angular")
    measure(X, Y)  # (n_stimuli, n_units) each

The registry wraps some thirty repositories, many of which offer one measure. Here a measure has one value,
whichever repository the name asks for: the one that most of them give, or the right one where they are
wrong (the docs' page on drop-ins lists all of these). A repository in the name may be left out.

:func:`pairwise` computes many measures of many representations in one pass: what they share is done once.
"""

from ..._base.lazy import lazily as _lazily
from ._registry import Measure, make, match, names, pairwise

__all__ = ["Measure", "make", "match", "names", "pairwise"]

__getattr__, __dir__ = _lazily(__name__)
