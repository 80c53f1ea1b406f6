"""Users' files: opened by :mod:`neurogeom.io` in the same way for all commands; errors name their options."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np

from .._base.checks import AnyArray, as_labels, require_finite
from ..io.checks import MAX_BAD, cut
from ..io.formats import ENDINGS, kind_of
from ..io.items import StoredItem
from ..io.search import Found, Words, opened
from ..io.sources import contents_of, headers_of, require_key
from ..io.sources import read_labels as read_vector
from .endings import InputError, plain_errors, say

FORMATS = ".npy, .npz, HDF5 (also of MATLAB), safetensors or Zarr"


# ---- options


def add_flatten(parser: argparse.ArgumentParser, keys: str) -> None:
    """Add the option for arrays with more than two axes; `keys` is the option that names arrays."""
    parser.add_argument(
        "--flatten",
        action="store_true",
        help="accept arrays with more than two axes, as rows by all other axes, from archives too; one that "
        f"{keys} names, or that is alone in its file, is always flattened, with a note (vectors are labels "
        "and ids, never data)",
    )


def add_ids_and_skip_bad(parser: argparse.ArgumentParser) -> None:
    """Add the options of commands that compare items from many files."""
    parser.add_argument(
        "--ids",
        metavar="FILE|KEY",
        help="which stimuli the rows are: a .npy file, or an array in each archive; all must agree, also in "
        "order",
    )
    parser.add_argument("--skip-bad", action="store_true", help="leave out what cannot be used, and name it")


# ---- matrices


def open_inputs(
    paths: Sequence[str],
    keys: Sequence[str] | Callable[[str], bool] | None,
    option: str,
    *,
    flatten: bool,
    ids: str | None = None,
    skip_bad: bool = False,
    lead: str = "",
) -> Found:
    """Open matrices; `option` names the arrays, and `lead` precedes any error message."""
    source = paths[0] if len(paths) == 1 else paths
    words = Words("FILE", option, "--ids", "--flatten", "--skip-bad")
    with plain_errors(lead):
        return opened(source, keys, None, ids, flatten or "asked", skip_bad, words)


def say_flattened(items: Mapping[str, StoredItem]) -> None:
    """Report which arrays with more than two axes were flattened to matrices."""
    texts = [
        f"{name} of shape {item.stored_shape} is flattened to {item.shape}"
        for name, item in items.items()
        if item.stored_shape != item.shape
    ]
    if texts:
        say("note", cut(texts, MAX_BAD))


def stem_of(path: str) -> str:
    """Call a file by its name without the extension."""
    return os.path.splitext(os.path.basename(os.path.abspath(path)))[0]


def rows_of(item: StoredItem) -> AnyArray:
    """Read a matrix, memory-mapped where possible; an error names the place of a bad value in the file."""
    path, key = item.location["path"], item.location["key"]
    with plain_errors():
        array = np.asarray(item)
    below = os.path.relpath(path)
    with plain_errors(path if below.startswith(os.pardir) else below):
        require_finite(array.reshape(item.stored_shape), key or stem_of(path))
    return array


# ---- labels


def read_labels(given: str, option: str, file: str | None = None) -> AnyArray:
    """Read labels: KEY of `file`, else a FILE that holds one array, or FILE:KEY."""
    with plain_errors():
        if file is not None:
            os.stat(file)  # names a missing file more clearly than its library would
            kind = kind_of(file)
            headers = headers_of(kind, file)
            if list(headers) != [""]:
                if (key := given.strip("/")) in headers:
                    return read_vector(kind, file, key, "labels")
                is_path = os.path.splitext(given)[1] in ENDINGS or ":" in given or os.path.exists(given)
                if not is_path:
                    require_key(given, headers, file, option)
        path, colon, key = given.rpartition(":")
        if not colon or os.path.exists(given):
            path, key = given, ""
        if not key and not os.path.splitext(path)[1]:
            raise InputError(f"{option} must be a .npy file, or FILE.npz:KEY, not {given!r}")
        os.stat(path)
        kind = kind_of(path)
        headers = headers_of(kind, path)
        if not key and len(headers) == 1:
            (key,) = headers
        elif not key:
            held = contents_of(headers)
            raise InputError(f"{option} must name an array as FILE.npz:KEY, not {given!r}: it holds {held}")
        require_key(key, headers, path, option)
        return read_vector(kind, path, key, "labels")


# ---- matrices with labels


def add_labelled(parser: argparse.ArgumentParser) -> None:
    """Add the options of commands that read matrices, and which manifold each row belongs to."""
    parser.add_argument("file", metavar="FILE", help=f"{FORMATS}: named arrays, or one")
    parser.add_argument(
        "--data",
        nargs="+",
        metavar="KEY",
        help="arrays of FILE to analyse; rows are samples; by default every matrix that has a row "
        "for each label",
    )
    parser.add_argument(
        "--labels",
        required=True,
        metavar="KEY",
        help="which manifold a row belongs to, integers or strings: an array of FILE, a file that holds one "
        "array, or OTHERFILE:KEY",
    )
    add_flatten(parser, "--data")


def open_labelled(args: argparse.Namespace) -> tuple[AnyArray, dict[str, StoredItem]]:
    """Open the data sets: those named, or else every matrix with a row for each label."""
    file = args.file
    labels = read_labels(args.labels, "--labels", file)
    found = open_inputs(
        [file], args.data or (lambda key: key != args.labels.strip("/")), "--data", flatten=args.flatten
    )
    items = named_by_key(found.items, file)
    if not args.data and all(item.location["key"] for item in found.items):  # else FILE is one array
        items = with_rows(len(labels), items, found.left_out, file, "one for each label", "labels")
    for name, item in items.items():
        with plain_errors():
            as_labels(labels, len(item), f"{args.labels} (for {name})")
    return labels, items


def named_by_key(items: Sequence[StoredItem], file: str) -> dict[str, StoredItem]:
    """Call the matrices of one file by their keys, or the only one by its file."""
    return {item.location["key"] or stem_of(file): item for item in items}


def with_rows(
    count: int, items: Mapping[str, StoredItem], left_out: list[str], file: str, which: str, noun: str
) -> dict[str, StoredItem]:
    """Keep the matrices of an archive that have `count` rows, and report what is left out."""
    kept = {name: item for name, item in items.items() if len(item) == count}
    if not kept:
        held = contents_of(headers_of(next(iter(items.values())).location["kind"], file))
        raise InputError(
            f"{file}: no numeric matrix has {count} rows, {which}; it holds {held} (--data or "
            "--flatten also accepts arrays with more axes)"
        )
    left_out += [
        f"{file}: {name}: has {len(item)} rows for {count} {noun}"
        for name, item in items.items()
        if name not in kept
    ]
    if left_out:
        say("note", f"left out: {cut(left_out, MAX_BAD)}")
    return kept


def read_in_turn(items: Mapping[str, StoredItem]) -> Iterator[tuple[str, AnyArray]]:
    """Read matrices one after the other, once all have been checked."""
    if len(items) > 1:  # a bad value in the last array should not be found after hours
        for item in items.values():
            rows_of(item)
    for name, item in items.items():
        X = rows_of(item)
        say_flattened({name: item})
        yield name, X
