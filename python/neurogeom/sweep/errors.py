"""Checks of what sweeps are given; continues :mod:`neurogeom._validate`."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from .._base.checks import as_choice, as_count, as_number, as_size


class SweepError(RuntimeError):
    """A store cannot be used as it is: another plan, changed inputs, damage."""


_UNITS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}
_BINARY = {unit: 1024**power for power, unit in enumerate(_UNITS)}
_SECONDS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "": 1.0}


def as_bytes(value: Any, name: str) -> int:
    """Take a number of bytes: 3e9, "3GB", "512 MiB"."""
    text = str(value).strip()
    found = re.fullmatch(r"([0-9.]+(?:e\+?[0-9]+)?)\s*([KMGT]?)(i?)B?", text, re.IGNORECASE)
    try:
        if isinstance(value, bool) or found is None:
            raise ValueError
        size = int(float(found[1]) * (_BINARY if found[3] else _UNITS)[found[2].upper()])
    except (ValueError, OverflowError):
        raise ValueError(f"{name} must be a number of bytes such as '3GB', not {value!r}") from None
    if size < 1:
        raise ValueError(f"{name} must be positive, not {value!r}")
    return size


def as_path(value: Any, name: str) -> Path:
    """Take a path, made absolute."""
    if not isinstance(value, (str, os.PathLike)):
        raise TypeError(f"{name} must be a path, not {type(value).__name__}")
    return Path(value).absolute()


def as_duration(value: Any, name: str) -> float:
    """Take a number of seconds: 90, "5m", "1h30m", "02:00:00"."""
    text = str(value).strip().lower()
    if re.fullmatch(r"(\d+:)?\d+:\d\d", text):
        seconds = 0.0
        for part in text.split(":"):
            seconds = 60 * seconds + float(part)
        return seconds
    parts = re.findall(r"(\d+(?:\.\d+)?)\s*([smhd]?)", text)
    if isinstance(value, bool) or not parts or "".join(a + b for a, b in parts) != text.replace(" ", ""):
        raise ValueError(f"{name} must be a duration such as '5m' or '1h30m', not {value!r}")
    return sum(float(number) * _SECONDS[unit] for number, unit in parts)


def require_store(there: bool, path: Any) -> None:
    """Refuse a path that holds no sweep."""
    if not there:
        raise FileNotFoundError(f"{path} is no sweep: make one with neurogeom.sweep.plan(..., store=...)")


def require_zarr_3(found: str) -> None:
    """Refuse an older Zarr, which has another interface and other files."""
    if int(found.split(".")[0]) < 3:
        raise ImportError(f"a sweep's store needs Zarr 3, which needs Python 3.11: this is Zarr {found}")


def require_schema(found: Any, expected: int, path: Any) -> None:
    """Refuse stores of another layout."""
    if found != expected:
        raise SweepError(f"{path} has layout {found!r}; this version of neurogeom reads layout {expected}")


def require_untouched_plan(same: bool, path: Any) -> None:
    """Refuse a plan that does not have its hash."""
    if not same:
        raise SweepError(
            f"the plan in {path}/zarr.json was changed after it was made: restore it, or plan anew in "
            "another store"
        )


def require_untouched_items(same: bool, path: Any) -> None:
    """Refuse a list of items that does not have its hash."""
    if not same:
        raise SweepError(f"{path} was changed after it was made: restore it, or plan anew in another store")


def require_untouched_arguments(same: bool, path: Any) -> None:
    """Refuse arguments of metrics that do not have their hash."""
    if not same:
        raise SweepError(
            f"{path}/arguments.npz is damaged, or was changed after the plan was made: restore it, or plan "
            "anew in another store"
        )


def damaged(what: str, path: Any, error: Exception) -> SweepError:
    """Say what of a store is damaged and how to mend it."""
    return SweepError(
        f"{what} in {path} is damaged ({error}); neurogeom.sweep.verify(store, repair=True) removes it, and "
        "the next run computes it again"
    )


def lost(path: Any, error: Exception) -> SweepError:
    """Say that a file is damaged that nothing can make again."""
    return SweepError(f"{path} is damaged ({error}): restore it, or plan anew in another store")


def require_file(is_there: bool, name: str, path: Any) -> None:
    """Refuse a store that has lost a file that nothing can make again."""
    if not is_there:
        raise SweepError(
            f"{path}/{name} is missing, as in a copy that is not complete: restore it, or plan anew in "
            "another store"
        )


def require_note(is_there: bool, kind: str, number: int, path: Any) -> None:
    """Refuse an item without the note that was written when it was prepared."""
    if not is_there:
        raise SweepError(f"the note of the {kind} of item {number} is missing in {path}")


def require_items_before(found: int, expected: int, name: str, path: Any) -> None:
    """Refuse lists of items that do not follow each other."""
    if found != expected:
        raise SweepError(
            f"{path}/{name} goes on from item {expected}, but the lists before it name {found} items: "
            "restore the lists of one store"
        )


def require_same_shape(found: Sequence[int], expected: Sequence[int], label: str, path: str) -> None:
    """Refuse a file whose matrix has another shape than it was planned with."""
    if list(found) != list(expected):
        raise SweepError(f"{label}: {path} holds shape {tuple(found)}, but {tuple(expected)} was planned")


def require_same_content(same: bool, label: str, path: str) -> None:
    """Refuse a file of the store that does not have its hash."""
    if not same:
        raise SweepError(f"{label}: {path} is damaged: its content is not what was planned with")


def require_unchanged(same: bool, name: str, path: str, was_read: bool) -> None:
    """Refuse an input that changed after the plan."""
    if not same:
        then = "it was first read" if was_read else "the plan"
        raise SweepError(
            f"{name!r} changed since {then}: {path} is gone, or has another size, time or content. Restore "
            "it, or plan anew in another store"
        )


def require_tries_left(are_left: bool, name: str, errors: Sequence[str]) -> None:
    """Refuse to prepare an item that has failed too often; its tiles fail, and others go on."""
    if not are_left:
        raise RuntimeError(f"preparing item {name!r} failed {len(errors)} times, last: {errors[-1]}")


def require_same_numbers(found: str, expected: str, path: Any, same: bool) -> None:
    """Refuse a sweep that another version of the package began, but where both give the same numbers."""
    if found != expected and not same:
        raise SweepError(
            f"{path} was begun by neurogeom {found}, this is {expected}: results could differ. Finish it "
            "with that version, or plan anew in another store"
        )


def as_seeds(value: Any, name: str) -> tuple[int, ...]:
    """Take one or several distinct non-negative integers."""
    if isinstance(value, (str, bytes)) or not isinstance(value, (Sequence, np.ndarray, range)):
        raise TypeError(f"{name} must be a sequence of integers, not {type(value).__name__}")
    seeds = tuple(as_count(seed, name, minimum=0) for seed in value)
    if not seeds or len(set(seeds)) < len(seeds):
        raise ValueError(f"{name} must be distinct, one or more, not {list(seeds)}")
    return seeds


def require_known_options(options: Any, known: Sequence[str], function: str) -> None:
    """Refuse options that a function does not have, or that belong to the sweep."""
    for name in options:
        if name not in known:
            raise TypeError(f"{name!r} is no option of {function} in a sweep; it has {', '.join(known)}")


def require_rows(found: int, expected: int, label: str) -> None:
    """Refuse an item without a row for each label."""
    if found != expected:
        raise ValueError(f"{label} has {found} rows, but there are {expected} labels")


def require_responses(are_responses: bool, label: str) -> None:
    """Refuse measured dissimilarities where there are to be points."""
    if not are_responses:
        raise TypeError(f"{label} is an RDM, but capacity needs responses (n_stimuli, n_units)")


def require_free(is_store: bool, path: Any) -> None:
    """Refuse to plan where there is something else."""
    if not is_store:
        raise FileExistsError(f"{path} exists, and is no sweep: choose another store, or remove it")


def require_still_free(is_free: bool, path: Any, error: Exception) -> None:
    """Say that somebody else was faster."""
    if not is_free:
        raise FileExistsError(
            f"{path} was made by somebody else while this was planned; plan again to take it up"
        ) from error


def failed_calibration(text: str) -> SweepError:
    """Say that the process that measures a sweep died."""
    last = text.strip().splitlines()[-1:] or ["it was killed, perhaps for want of memory"]
    return SweepError(f"measuring a few items and pairs failed: {last[0]}")


def require_usable(any_usable: bool, errors: Sequence[str]) -> None:
    """Refuse a sweep none of whose measured items can be used."""
    if not any_usable:
        raise ValueError(errors[0])


def failed_measurement(text: str) -> ValueError:
    """Pass on what is wrong with the items that were measured."""
    return ValueError(text)


def as_seconds(value: Any, name: str) -> float:
    """Take a positive number of seconds."""
    seconds = as_number(value, name)
    if seconds <= 0:
        raise ValueError(f"{name} must be positive, not {seconds}")
    return seconds


def as_fields(value: Any, known: Sequence[str]) -> list[str]:
    """Take names of numbers that a result has."""
    if isinstance(value, (str, bytes)):
        raise TypeError(f"fields must be a list of names, not {value!r}")
    names = [as_choice(name, "fields", known) for name in value]
    if not names or len(set(names)) < len(names):
        raise ValueError(f"fields must be distinct, one or more, not {names}")
    return names


def refuse_fields(value: Any) -> None:
    """Refuse a choice of fields where there is none."""
    if value is not None:
        raise ValueError(
            "fields are for capacity jobs; pairs have their value, and what test and null add to it"
        )


def require_stimuli_in_rows(are_stimuli: bool, name: str) -> None:
    """Refuse to permute rows that are observations of several folds."""
    if not are_stimuli:
        raise ValueError(
            f"null permutes stimuli, but rows are single observations to {name!r} (folds): leave out null"
        )


def refuse_for_jobs(**given: bool) -> None:
    """Refuse options of pairs for capacity jobs."""
    for name, is_given in given.items():
        if is_given:
            raise ValueError(f"{name} belongs to sweeps over pairs, not to capacity jobs")


def require_same_plan(different: Sequence[str], path: Any) -> None:
    """Refuse a store of another plan."""
    if different:
        raise SweepError(
            f"{path} holds another plan: {', '.join(different)} differ. Use another store, or delete this one"
        )


def require_room(fits: bool, block: float, room: float, edge: int, max_ram: float, record: float) -> None:
    """Refuse tiles whose items do not fit into memory."""
    if not fits:
        raise SweepError(
            f"does not fit: a tile of edge {edge} needs {as_size(block)} for two blocks of prepared "
            f"items (largest {as_size(record)}), but max_ram={as_size(max_ram)} leaves "
            f"{as_size(max(room, 0))}: raise max_ram, or use a smaller tile"
        )


def require_item_fits(fits: bool, label: str, least: float, max_ram: float, whole: Sequence[str]) -> None:
    """Refuse an item that cannot be prepared within the memory allowed."""
    if not fits:
        why = f": {', '.join(whole)} reads items whole" if whole else ""
        raise SweepError(
            f"does not fit: preparing {label} takes at least {as_size(least)}{why}, but "
            f"max_ram={as_size(max_ram)}: raise max_ram"
        )


def require_memory(fits: bool, peak: float, max_ram: float, baseline: float, preparing: float) -> None:
    """Refuse a sweep that needs more memory than it may have."""
    if not fits:
        raise SweepError(
            f"does not fit: a worker needs {as_size(peak)} (the interpreter {as_size(baseline)}, "
            f"preparing the largest item {as_size(preparing)}), but max_ram={as_size(max_ram)}: "
            "raise max_ram"
        )


def as_rank(value: Any, count: int) -> int:
    """Take the number of one of several workers."""
    rank = as_count(value, "rank", minimum=0)
    if rank >= count:
        raise ValueError(f"rank must be below the number of workers ({count}), not {rank}; ranks start at 0")
    return rank


def as_end_time(text: str | None) -> float:
    """Take the end of a SLURM job, seconds since 1970."""
    if text is None or not text.isdigit():
        raise ValueError(
            "stop_before needs to know when the job ends: SLURM_JOB_END_TIME is not set, so give time_limit "
            "(--time-limit 4h)"
        )
    return float(text)


def require_client(is_client: bool, value: Any) -> None:
    """Refuse executors other than Dask's."""
    if not is_client:
        raise TypeError(f"executor must be a distributed.Client, not {type(value).__name__}")


def as_field(value: Any, known: Sequence[str]) -> str:
    """Take the name of a number that a table has; KeyError as from a dict."""
    if value not in known:
        raise KeyError(f"no field {value!r}; there are {', '.join(known)}")
    return str(value)


def require_suffix(suffix: str, known: Sequence[str]) -> None:
    """Refuse files of a kind that is not written."""
    if suffix not in known:
        raise ValueError(f"path must end in {', '.join(known)}, not {suffix!r}")


def require_free_names(names: Sequence[str], taken: Sequence[str]) -> None:
    """Refuse metrics with names that an archive has for something else."""
    for name in names:
        if name in taken:
            raise ValueError(f".npz cannot hold a matrix of the name {name!r}: use .csv")


def require_single_matrix(is_single: bool) -> None:
    """Refuse several matrices where one is written."""
    if not is_single:
        raise ValueError(".npy holds the matrix of a single metric: use .npz or .csv")


def require_same_sweep_stimuli(found: tuple[int, Any], expected: tuple[int, Any], label: str) -> None:
    """Refuse new items whose rows are other stimuli."""
    if found[0] != expected[0]:
        raise ValueError(f"{label} has {found[0]} stimuli, but the sweep has {expected[0]}")
    if found[1] is not None and expected[1] is not None and list(found[1]) != list(expected[1]):
        raise ValueError(f"{label} has other stimulus ids, or another order, than the sweep")


def require_new_names(names: Sequence[str], known: Sequence[str]) -> None:
    """Refuse names that a sweep has already."""
    there = set(known)
    for name in names:
        if name in there:
            raise ValueError(f"the sweep has an item {name!r} already: give other names")


def require_test(given: bool, wanted: bool) -> None:
    """Refuse an extension with or without test data, other than the sweep."""
    if given != wanted:
        has = "has" if wanted else "has no"
        raise ValueError(
            f"the sweep {has} test data, so new items must {'come with' if wanted else 'not have'} them"
        )
