"""How many draws of a null reach what was observed."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ._base.checks import FloatArray

# Values of a measure that agree to this share of its size are one value. A draw that comes to the arrangement
# of the data, such as one that exchanges equal stimuli, adds the same terms in another order: n terms and a
# condition kappa may cost n kappa eps, which is 1e-10 for 500 terms and a condition of 1000. A continuous
# null has other values so near to the observed one with a probability of about 1e-10 only.
TIE = 1e-10


def reaches(
    draws: FloatArray, observed: FloatArray | float, size: FloatArray | float = 1.0
) -> NDArray[np.bool_]:
    """Say which draws are as large as what was observed, or larger; ties to rounding are ties.

    Parameters
    ----------
    draws : ndarray
        Values of the measure; NaN reaches nothing.
    observed : ndarray or float
        Its value in the data.
    size : ndarray or float, default 1
        Size of the measure: that of its largest values, which differences are seen against also where what
        was observed is near zero. 1 for correlations, shares and angles.
    """
    return np.asarray(draws >= observed - TIE * np.maximum(np.abs(observed), size))
