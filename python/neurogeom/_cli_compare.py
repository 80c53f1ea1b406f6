"""``neurogeom compare``: distances and similarities between all pairs of the user's representations."""

from __future__ import annotations

import argparse
import os
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from ._cli_files import DataFile, InputError, check_output, writing
from ._cli_shared import add_threads_and_plot, announced, check_plot, say
from ._pairwise_result import Pairwise
from ._validate import AnyArray
from .metrics import METRICS
from .pairwise import pairwise
from .plot_pairwise import plot_pairwise
from .report_pairwise import pairwise_table, write_pairwise_csv
from .representation import Representation

_DEFAULT = "procrustes"
_ENDINGS = (".npz", ".csv")
_MAX_SHOWN = 4  # items named in an error


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the subcommand."""
    parser.add_argument(
        "files",
        nargs="+",
        metavar="FILE",
        help="a .npy file is one representation (rows are stimuli, columns units); a .npz file holds several",
    )
    parser.add_argument(
        "--metric",
        action="append",
        choices=sorted(METRICS),
        help=f"what to compute; may be given several times (default: {_DEFAULT})",
    )
    parser.add_argument(
        "--data",
        nargs="+",
        metavar="KEY",
        help="arrays of each .npz file to compare; by default every numeric matrix in it",
    )
    parser.add_argument(
        "--ids",
        metavar="KEY",
        help="array of each .npz file that says which stimuli the rows are; all must agree, also in order",
    )
    parser.add_argument(
        "--out",
        metavar="FILE",
        help="write the numbers to full precision: .npz for neurogeom.load (several metrics: a file each, "
        "D.npz becoming D.cca.npz, ...), or .csv (one metric: the matrix; several: one row a pair)",
    )
    add_threads_and_plot(parser)


def run(args: argparse.Namespace) -> None:
    """Compare all representations of some files."""
    names = list(dict.fromkeys(args.metric or [_DEFAULT]))
    outputs = _outputs(args.out, names)
    for path in args.files:
        for output in outputs.values():
            check_output(output, path if os.path.exists(path) else None)
        check_plot(args.plot, path if os.path.exists(path) else None)
    items = _read_items(args.files, args.data, args.ids)
    found = announced(
        "",
        lambda: pairwise(
            list(items.values()),
            names,
            names=list(items),
            n_threads=args.threads,
            progress=sys.stderr.isatty(),
        ),
    )
    # By the names that were given here, which are not always those of the metrics.
    results = dict(zip(names, found.values(), strict=True))
    print("\n\n".join(map(pairwise_table, results.values())))
    _write(args.out, outputs, results)
    if args.plot is not None:
        with writing(args.plot):
            plot_pairwise(results, args.plot)


def _outputs(path: str | None, metrics: Sequence[str]) -> dict[str, str]:
    """Name the file of each metric; several metrics have one .csv in common."""
    if path is None:
        return {}
    stem, ending = os.path.splitext(path)
    if ending.lower() not in _ENDINGS:
        raise InputError(f"--out must end in {' or '.join(_ENDINGS)}, not {path!r}")
    if ending.lower() == ".csv" or len(metrics) == 1:
        return dict.fromkeys(metrics, path)
    return {metric: f"{stem}.{metric}{ending}" for metric in metrics}


def _write(path: str | None, outputs: Mapping[str, str], results: Mapping[str, Pairwise]) -> None:
    if path is None:
        return
    if path.lower().endswith(".csv"):
        with writing(path):
            write_pairwise_csv(path, results)
        return
    for metric, output in outputs.items():
        with writing(output):
            results[metric].save(output)


def _read_items(paths: Sequence[str], keys: Sequence[str] | None, ids_key: str | None) -> dict[str, Any]:
    """Read the representations of all files, by name; all headers are looked at before any data."""
    repeated = [path for path, count in Counter(map(os.path.realpath, paths)).items() if count > 1]
    if repeated:
        raise InputError(f"{os.path.basename(repeated[0])} is given more than once")
    stems = _stems(paths)
    chosen: dict[str, list[tuple[str, str]]] = {}  # of each file: (name, key)
    rows: dict[str, int] = {}
    archives = 0
    for path, stem in zip(paths, stems, strict=True):
        with DataFile(path) as source:
            _check_keys(source, keys, ids_key)
            archives += source.is_archive
            for key in _choose(source, keys, ids_key):
                name = stem if not source.is_archive else key if len(paths) == 1 else f"{stem}:{key}"
                chosen.setdefault(path, []).append((name, key))
                rows[name] = source.headers[key][0][0]
    if keys and not archives:
        raise InputError("--data names arrays of a .npz file, but none is given")
    if len(rows) < 2:
        raise InputError(f"comparing needs at least two representations, but there is only {', '.join(rows)}")
    _require_equal_rows(rows)
    items: dict[str, Any] = {}
    for path, pairs in chosen.items():
        with DataFile(path) as source:
            ids = None if ids_key is None else source.read(ids_key)
            for name, key in pairs:
                items[name] = _with_ids(source.rows(key), ids, f"{path}: {ids_key}")
            for note in source.notes:
                say("note", note)
    return items


def _stems(paths: Sequence[str]) -> list[str]:
    """Call files by their stems, or where these are not enough to tell them apart by their paths."""
    stems = [os.path.splitext(os.path.basename(path))[0] for path in paths]
    counts = Counter(stems)
    return [
        stem if counts[stem] == 1 else os.path.splitext(path)[0]
        for stem, path in zip(stems, paths, strict=True)
    ]


def _check_keys(source: DataFile, keys: Sequence[str] | None, ids_key: str | None) -> None:
    """Refuse keys that a file does not have."""
    for option, wanted in (("--data", keys or ()), ("--ids", () if ids_key is None else (ids_key,))):
        for key in wanted:
            if not source.is_archive:
                if option == "--data":
                    continue  # the only array of this file is taken in any case
                raise InputError(f"--ids names an array of a .npz file, but {source.path} is a .npy")
            if key not in source.headers:
                raise InputError(f"{option}: {source.missing(key)}")


def _choose(source: DataFile, keys: Sequence[str] | None, ids_key: str | None) -> list[str]:
    """Pick the arrays to compare: those named, else every numeric matrix."""
    if not source.is_archive:
        picked = list(source.headers)
    elif keys:
        picked = list(dict.fromkeys(keys))
    else:
        picked = [
            name
            for name, (shape, dtype) in source.headers.items()
            if name != ids_key and len(shape) == 2 and dtype.kind in "fiub" and dtype.itemsize <= 8
        ]
        if not picked:
            raise InputError(
                f"{source.path}: no numeric matrix (--data flattens what has more axes), but "
                f"{source.contents()}"
            )
    for name in picked:
        shape, _dtype = source.headers[name]
        if len(shape) < 2:
            raise InputError(f"{source.path}: {name} must have rows and columns, not shape {shape}")
    return picked


def _require_equal_rows(rows: Mapping[str, int]) -> None:
    """Refuse items whose numbers of stimuli differ, and say which."""
    (usual, _), *others = Counter(rows.values()).most_common()
    if not others:
        return
    typical = next(name for name, count in rows.items() if count == usual)
    odd = [f"{name} has {count}" for name, count in rows.items() if count != usual]
    if len(odd) > _MAX_SHOWN:
        odd[_MAX_SHOWN:] = [f"{len(odd) - _MAX_SHOWN} more differ"]
    raise InputError(
        f"rows must be the same stimuli in all representations, but {typical} has {usual}, {', '.join(odd)} "
        "(--data picks arrays of a .npz)"
    )


def _with_ids(data: AnyArray, ids: AnyArray | None, label: str) -> Any:
    if ids is None:
        return data
    try:
        return Representation(data, ids=ids)
    except (TypeError, ValueError) as error:
        raise InputError(f"{label}: {error}") from error
