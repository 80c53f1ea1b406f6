"""Repeated observations: which stimulus and which fold of a crossvalidation each row belongs to."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._base.checks import AnyArray, FloatArray, as_labels
from .._base.codec import registered


@registered
@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Design:
    """Number of the stimulus and of the fold of each row; both are numbered by first appearance."""

    stimulus: NDArray[np.intp]
    fold: NDArray[np.intp]
    stimuli: AnyArray | None  # labels of the stimuli
    n_stimuli: int
    n_folds: int

    @classmethod
    def from_user(cls, folds: Any, stimuli: Any) -> Design:
        """Take labels as users pass them; without stimulus labels, row k of each fold is stimulus k."""
        fold, fold_labels = _numbered(folds, "folds")
        n_folds = len(fold_labels)
        _require_two(n_folds, "folds", "folds")
        labels: AnyArray | None = None
        if stimuli is None:
            counts = np.bincount(fold)
            if len(set(counts)) > 1:
                shown = ", ".join(f"{k!r}: {n}" for k, n in zip(fold_labels.tolist(), counts, strict=True))
                raise ValueError(
                    f"without stimuli, all folds must have the same number of rows, not {{{shown}}}"
                )
            stimulus = np.empty_like(fold)
            for k in range(n_folds):
                stimulus[fold == k] = np.arange(counts[0])
            n_stimuli = int(counts[0])
        else:
            stimulus, labels = _numbered(stimuli, "stimuli")
            _require_same_rows(len(stimulus), len(fold), "stimuli", "folds")
            n_stimuli = len(labels)
        _require_two(n_stimuli, "folds" if labels is None else "stimuli", "stimuli")
        design = cls(stimulus, fold, labels, n_stimuli, n_folds)
        missing = np.argwhere(design.counts() == 0)
        if missing.size:
            assert labels is not None  # else each fold has all of them
            fold_at, stimulus_at = missing[0].tolist()
            raise ValueError(
                f"each fold must have each stimulus, but fold {fold_labels.tolist()[fold_at]!r} has no row "
                f"of stimulus {labels.tolist()[stimulus_at]!r}"
            )
        return design

    def counts(self) -> NDArray[np.intp]:
        """Count the rows of each fold and stimulus."""
        cell = self.fold * self.n_stimuli + self.stimulus
        return np.bincount(cell, minlength=self.n_folds * self.n_stimuli).reshape(
            self.n_folds, self.n_stimuli
        )

    def means(self, data: FloatArray, label: str) -> FloatArray:
        """Average rows (n_rows, n_units) into patterns (n_folds, n_stimuli, n_units)."""
        _require_same_rows(len(self.fold), len(data), "folds", label)
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
    """Number labels by first appearance; returns (the number of each row, the labels)."""
    array = as_labels(labels, None, name)
    distinct, first, inverse = np.unique(array, return_index=True, return_inverse=True)
    by_appearance = np.argsort(first)
    number = np.empty_like(by_appearance)
    number[by_appearance] = np.arange(len(distinct))
    return number[inverse.reshape(-1)], distinct[by_appearance]


def _require_same_rows(given: int, rows: int, name: str, label: str) -> None:
    """Refuse labels of observations that do not fit the item."""
    if given != rows:
        raise ValueError(
            f"{name} must give one label for each row, but has {given} and {label} has {rows} rows"
        )


def _require_two(count: int, name: str, what: str) -> None:
    """Refuse a design with a single fold or stimulus."""
    if count < 2:
        raise ValueError(f"{name} must hold at least two different {what}, not {count}")
