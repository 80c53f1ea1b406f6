"""``neurogeom compare``: distances and similarities between all pairs of the user's representations."""

from __future__ import annotations

import argparse
import os
import sys
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from .._base.checks import AnyArray
from .._base.threads import single_threaded_blas
from ..io.checks import MAX_BAD, cut
from ..metrics import METRICS, as_metrics
from ..metrics.base import prepare_item
from ..pairs.driver import pairwise
from ..report.heatmaps import plot_pairwise
from ..report.pairs import pairwise_table, write_pairwise_csv
from ..representations.representation import Representation, as_items
from .files import FORMATS, TABLES, DataFile, InputError, check_output, expanded, say_left_out, user_input
from .options import add_threads_and_plot, announced, check_plot, deliver, metric_name, say

_DEFAULT = "procrustes"
_ENDINGS = (".npz", *TABLES)
_MAX_SHOWN = 4  # items named in an error


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the subcommand."""
    parser.add_argument(
        "files",
        nargs="+",
        metavar="FILE",
        help=f"files, directories or patterns: {FORMATS}; each matrix is one representation (rows are "
        "stimuli, columns units)",
    )
    parser.add_argument(
        "--metric",
        action="append",
        type=metric_name,
        metavar="NAME",
        help=f"what to compute, may be given several times (default: {_DEFAULT}): "
        f"{', '.join(sorted(METRICS))}",
    )
    parser.add_argument(
        "--data",
        nargs="+",
        metavar="KEY",
        help="arrays of each .npz file (HDF5, ...) to compare; by default every numeric matrix in it",
    )
    parser.add_argument(
        "--flatten", action="store_true", help="also take arrays of more axes, as stimuli by all other axes"
    )
    parser.add_argument(
        "--skip-bad",
        action="store_true",
        help="leave out files and arrays that cannot be used, and name them",
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
        "D.npz becoming D.cca.npz, ...), .csv or .tsv (one metric: the matrix; several: one row a pair), or "
        ".json (one object a pair); - writes CSV to stdout, instead of the tables",
    )
    add_threads_and_plot(parser)


def run(args: argparse.Namespace) -> None:
    """Compare all representations of some files."""
    names = list(dict.fromkeys(args.metric or [_DEFAULT]))
    outputs = _outputs(args.out, names)
    paths, left_out = expanded(args.files)
    for path in paths:
        for output in outputs.values():
            check_output(output, path if os.path.exists(path) else None, _ENDINGS)
        check_plot(args.plot, path if os.path.exists(path) else None)
    items = _read_items(paths, args, names, left_out)
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
    files: dict[str, Callable[[Any], object]] = {}
    for metric, output in outputs.items():
        if output.lower().endswith(".npz"):
            files[output] = results[metric].save
        else:
            files[output] = lambda out: write_pairwise_csv(out, results)
    if args.plot is not None:
        files[args.plot] = lambda out: plot_pairwise(results, out)
    deliver("\n\n".join(map(pairwise_table, results.values())), files)


def _outputs(path: str | None, metrics: Sequence[str]) -> dict[str, str]:
    """Name the file of each metric; several metrics have one table in common."""
    if path is None:
        return {}
    stem, ending = os.path.splitext(path)
    if ending.lower() != ".npz" or len(metrics) == 1:
        return dict.fromkeys(metrics, path)
    return {metric: f"{stem}.{metric}{ending}" for metric in metrics}


def _read_items(
    paths: Sequence[str], args: argparse.Namespace, metrics: list[str], left_out: list[str]
) -> dict[str, Any]:
    """Read the representations of all files, by name; all headers are looked at before any data."""
    keys, ids_key = args.data, args.ids
    repeated = [path for path, count in Counter(map(os.path.realpath, paths)).items() if count > 1]
    if repeated:
        raise InputError(f"{os.path.basename(repeated[0])} is given more than once")
    chosen: list[tuple[DataFile, list[tuple[str, str]]]] = []  # of each file: (name, key)
    rows: dict[str, int] = {}
    bad: list[str] = []
    for path, stem in zip(paths, _stems(paths), strict=True):
        try:
            source = DataFile(path)
            _check_ids(source, ids_key)
            picked = _choose(source, keys, ids_key, args.flatten, left_out)
        except InputError as error:
            bad.append(str(error))
            continue
        pairs = [
            (stem if not source.is_archive else key if len(paths) == 1 else f"{stem}:{key}", key)
            for key in picked
        ]
        chosen.append((source, pairs))
        rows |= {name: source.headers[key].shape[0] for name, key in pairs}
    if len(bad) == 1 and not args.skip_bad:
        raise InputError(bad[0])
    if bad and not args.skip_bad:
        texts = cut(bad, MAX_BAD)
        raise InputError(f"{len(bad)} files cannot be used (--skip-bad leaves them out): {texts}")
    if left_out:
        say("note", say_left_out(left_out))
    if keys and not any(source.is_archive for source, _ in chosen):
        raise InputError("--data names arrays of a .npz file, but none is given")
    if not args.skip_bad:
        _require_two(rows)
    _require_equal_rows(rows)
    items: dict[str, Any] = {}
    for source, pairs in chosen:
        ids = None if ids_key is None else source.read_vector(ids_key, "ids")
        for name, key in pairs:
            try:
                data = source.rows(key)
                if args.skip_bad:
                    _require_usable(data, name, metrics)
            except InputError as error:
                if not args.skip_bad:
                    raise
                bad.append(str(error))
                continue
            items[name] = _with_ids(data, ids, f"{source.path}: {ids_key}")
        for note in source.notes:
            say("note", note)
    if bad:
        say("note", f"left out: {cut(bad, MAX_BAD)}")
    _require_two(items)
    return items


def _require_two(names: Collection[str]) -> None:
    """Refuse fewer items than one pair has."""
    if len(names) < 2:
        found = f"there is only {', '.join(names)}" if names else "there is none"
        raise InputError(f"comparing needs at least two representations, but {found}")


def _require_usable(data: AnyArray, name: str, metrics: list[str]) -> None:
    """Refuse an item for which a metric is not defined, such as a dead layer."""
    (item,) = as_items([data], "data", [name], [name])
    with user_input(), single_threaded_blas():
        prepare_item(as_metrics(metrics), item)


def _stems(paths: Sequence[str]) -> list[str]:
    """Call files by their stems, or where these are not enough to tell them apart by their paths."""
    stems = [os.path.splitext(os.path.basename(path))[0] for path in paths]
    counts = Counter(stems)
    return [
        stem if counts[stem] == 1 else os.path.splitext(path)[0]
        for stem, path in zip(stems, paths, strict=True)
    ]


def _check_ids(source: DataFile, ids_key: str | None) -> None:
    """Refuse ids that a file does not have."""
    if ids_key is None:
        return
    if not source.is_archive:
        raise InputError(f"--ids names an array of a .npz file, but {source.path} is a .npy")
    if ids_key not in source.headers:
        raise InputError(f"--ids: {source.missing(ids_key)}")


def _choose(
    source: DataFile, keys: Sequence[str] | None, ids_key: str | None, flatten: bool, left_out: list[str]
) -> list[str]:
    """Pick the arrays to compare: those named, else every numeric matrix."""
    if not source.is_archive:
        picked = list(source.headers)
    elif keys:
        picked = list(dict.fromkeys(keys))
    else:
        picked, others = source.pick(ids_key, flatten)
        if not picked:
            raise InputError(
                f"{source.path}: no numeric matrix (--data or --flatten takes what has more axes), but "
                f"{source.contents()}"
            )
        left_out += [f"{source.path}: {other}" for other in others]
    source.require(picked, "--data")
    return picked


def _require_equal_rows(rows: Mapping[str, int]) -> None:
    """Refuse items whose numbers of stimuli differ, and say which."""
    (usual, _), *others = Counter(rows.values()).most_common() or [(0, 0)]
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
