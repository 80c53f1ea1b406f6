"""Repeated observations: which stimulus and which fold of a crossvalidation each row belongs to."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._base.checks import AnyArray, FloatArray, as_labels
from .._base.codec import registered
from . import checks as check


@registered
@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Design:
    """Number of the stimulus and of the fold of each row; both are counted by first appearance."""

    stimulus: NDArray[np.intp]
    fold: NDArray[np.intp]
    stimuli: AnyArray | None  # labels of the stimuli
    n_stimuli: int
    n_folds: int

    @classmethod
    def from_user(cls, folds: Any, stimuli: Any) -> Design:
        """Take labels as users give them; without those of stimuli, row k of each fold is stimulus k."""
        fold, fold_labels = _numbered(folds, "folds")
        n_folds = len(fold_labels)
        check.require_two(n_folds, "folds", "folds")
        labels: AnyArray | None = None
        if stimuli is None:
            counts = np.bincount(fold)
            check.require_equal_folds(counts.tolist(), fold_labels.tolist())
            stimulus = np.empty_like(fold)
            for k in range(n_folds):
                stimulus[fold == k] = np.arange(counts[0])
            n_stimuli = int(counts[0])
        else:
            stimulus, labels = _numbered(stimuli, "stimuli")
            check.require_same_rows(len(stimulus), len(fold), "stimuli", "folds")
            n_stimuli = len(labels)
        check.require_two(n_stimuli, "folds" if labels is None else "stimuli", "stimuli")
        design = cls(stimulus, fold, labels, n_stimuli, n_folds)
        missing = np.argwhere(design.counts() == 0)
        if missing.size:
            assert labels is not None  # else each fold has all of them
            at = missing[0].tolist()
            check.refuse_missing_stimulus(labels.tolist()[at[1]], fold_labels.tolist()[at[0]])
        return design

    def counts(self) -> NDArray[np.intp]:
        """Count the rows of each fold and stimulus."""
        cell = self.fold * self.n_stimuli + self.stimulus
        return np.bincount(cell, minlength=self.n_folds * self.n_stimuli).reshape(
            self.n_folds, self.n_stimuli
        )

    def means(self, data: FloatArray, label: str) -> FloatArray:
        """Average rows (n_rows, n_units) to patterns (n_folds, n_stimuli, n_units)."""
        check.require_same_rows(len(self.fold), len(data), "folds", label)
        sums = np.zeros((self.n_folds, self.n_stimuli, data.shape[1]))
        for row, fold, stimulus in zip(data, self.fold, self.stimulus, strict=True):
            sums[fold, stimulus] += row
        sums /= self.counts()[:, :, None]
        return sums

    def _key(self) -> tuple[bytes, bytes]:
        return self.stimulus.tobytes(), self.fold.tobytes()

    def __hash__(self) -> int:
        return hash(self._key())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Design) and self._key() == other._key()


def _numbered(labels: Any, name: str) -> tuple[NDArray[np.intp], AnyArray]:
    """Number labels by first appearance; returns (number of each row, labels)."""
    array = as_labels(labels, None, name)
    distinct, first, inverse = np.unique(array, return_index=True, return_inverse=True)
    by_appearance = np.argsort(first)
    number = np.empty_like(by_appearance)
    number[by_appearance] = np.arange(len(distinct))
    return number[inverse.reshape(-1)], distinct[by_appearance]
