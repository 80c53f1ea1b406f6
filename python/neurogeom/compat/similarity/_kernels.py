"""Centred kernel alignment, with three kernels and three estimators of HSIC."""

from __future__ import annotations

import dataclasses
import functools
import math
from typing import Any

import numpy as np

from ...kernels import RBF, Laplace
from ...metrics import CKA
from ...metrics.base import Part
from ._transforms import FOUR_FORMS, MakeMetric, transformed

_ESTIMATORS: dict[str, Any] = {"gretton": "biased", "song": "debiased", "lange": "lange"}
_MORE_FORMS = (*FOUR_FORMS, "distance=one_minus_score", "score-negative_log")


@dataclasses.dataclass(frozen=True)
class KernelSize(Part):
    """The root of the trace of the centred kernel: the norm of the responses where the kernel is linear."""

    kernel: Any

    def prepare(self, data: Any) -> float:
        gram = self.kernel.gram(data.whole())
        return math.sqrt(max(0.0, float(np.trace(gram) - gram.sum() / len(gram))))


def _family(
    kernel_name: str, kernel: Any, estimators: tuple[str, ...], size: Part | None
) -> dict[str, MakeMetric]:
    found: dict[str, MakeMetric] = {}
    for name in estimators:
        prefix = f"cka-kernel={kernel_name}-hsic={name}"
        make = functools.partial(CKA, estimator=_ESTIMATORS[name], kernel=kernel)
        forms = _MORE_FORMS if name == "gretton" and kernel_name != "(laplace-sigma=1.0)" else FOUR_FORMS
        found.update(transformed(prefix, make, size, forms))
    return found


# The size in the Euclidean forms: of the kernel for RBF, as most repositories have it; of the responses for
# Laplace, as the one that offers it has it, whose sigma is also root 2 times the usual one.
MEASURES: dict[str, MakeMetric] = {
    **_family("linear", "linear", ("gretton", "song", "lange"), None),
    **_family("(rbf-sigma=1.0)", RBF(1.0), ("gretton", "song", "lange"), KernelSize(RBF(1.0))),
    **_family("(laplace-sigma=1.0)", Laplace(math.sqrt(2.0)), ("gretton", "lange"), None),
}
