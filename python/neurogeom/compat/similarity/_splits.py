"""The folds of the repositories that cross-validate, which take scikit-learn's with a fixed seed."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from ...representations.checks import TooLittleDataError

Fold = tuple[NDArray[np.intp], NDArray[np.intp]]  # training and test stimuli


def fold_members(n_stimuli: int, n_folds: int, seed: int | None) -> list[NDArray[np.intp]]:
    """Return the test stimuli of each fold of scikit-learn's KFold, shuffled if there is a seed."""
    order = np.arange(n_stimuli)
    if seed is not None:
        np.random.RandomState(seed).shuffle(order)
    return [np.sort(part) for part in np.array_split(order, n_folds)]


def folds(n_stimuli: int, label: str, seed: int | None, n_folds: int = 5, least: int = 2) -> Iterator[Fold]:
    """Return the training and test stimuli of each fold, which has at least so many of the latter."""
    if n_stimuli < least * n_folds:
        raise TooLittleDataError(
            f"{n_folds} folds of at least {least} stimuli need {least * n_folds} stimuli, but {label} has "
            f"{n_stimuli}"
        )
    for test in fold_members(n_stimuli, n_folds, seed):
        yield np.setdiff1d(np.arange(n_stimuli), test), test


def splits(n_stimuli: int, label: str, seed: int, n_splits: int, share: float) -> Iterator[Fold]:
    """Return the splits of scikit-learn's StratifiedShuffleSplit of one class."""
    n_train = int(np.floor(share * n_stimuli))
    if n_stimuli - n_train < 2:
        raise TooLittleDataError(
            f"{n_splits} splits with at least 2 test stimuli need more than the {n_stimuli} of {label}"
        )
    source = np.random.RandomState(seed)
    for _ in range(n_splits):
        order = source.permutation(n_stimuli)
        yield source.permutation(order[:n_train]), source.permutation(order[n_train:])
