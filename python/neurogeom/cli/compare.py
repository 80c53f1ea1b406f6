"""``neurogeom compare``: distances and similarities between all pairs of the user's representations."""

from __future__ import annotations

import argparse
import os
import sys
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from .._base.threads import single_threaded_blas
from ..io.checks import MAX_BAD, cut
from ..io.items import StoredItem
from ..metrics import as_metrics
from ..metrics.base import prepare_item
from ..pairs.driver import pairwise
from ..pairs.embedding import mds
from ..pairs.result import Pairwise
from ..report.heatmaps import plot_pairwise
from ..report.pairs import embedding_table, pairwise_table, uncertainty_table, write_pairwise_csv
from ..representations.items import as_items
from ..representations.representation import Representation
from .endings import TABLES, InputError, announced, check_output, check_plot, deliver, plain_errors, say
from .inputs import FORMATS, add_flatten, add_ids_and_skip_bad, open_inputs, rows_of, say_flattened, stem_of
from .options import METRIC_HELP, add_threads_and_plot, count, metric_name

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
        help=f"what to compute; may be given several times (default: {_DEFAULT}): {METRIC_HELP}",
    )
    parser.add_argument(
        "--data",
        nargs="+",
        metavar="KEY",
        help="arrays of each .npz file (HDF5, ...) to compare; by default every numeric matrix in it",
    )
    add_flatten(parser, "--data")
    add_ids_and_skip_bad(parser)
    parser.add_argument(
        "--out",
        metavar="FILE",
        help="write the numbers to full precision: .npz for neurogeom.load (several metrics: a file each, "
        "D.npz becoming D.cca.npz, ...), .csv or .tsv (one metric: its matrix; more: one row per pair), or "
        ".json (one object per pair); - writes CSV to stdout instead of the tables",
    )
    parser.add_argument(
        "--null",
        type=count(0),
        default=0,
        metavar="N",
        help="also compare with permuted stimuli, N times, for a p-value of each pair",
    )
    parser.add_argument(
        "--bootstrap",
        type=count(0),
        default=0,
        metavar="N",
        help="also resample the stimuli, N times, for a standard error and a 95 %% interval of each pair",
    )
    parser.add_argument(
        "--embed",
        type=count(1),
        metavar="DIMS",
        help="also show the items as points in so many dimensions, with distances as near as possible to "
        "those of the matrix (needs a distance, not a similarity)",
    )
    parser.add_argument(
        "--rng",
        type=count(0),
        default=0,
        metavar="SEED",
        help="seed of the permutations, of the resamples and of the embedding (default: 0)",
    )
    add_threads_and_plot(parser)
    parser.add_argument(
        "--keep-order",
        action="store_true",
        help="draw items in the order given, as of layers, instead of the most alike next to each other",
    )


def run(args: argparse.Namespace) -> None:
    """Compare all representations of some files."""
    names = list(dict.fromkeys(args.metric or [_DEFAULT]))
    if args.embed is not None:
        _require_distances(names)
    outputs = _outputs(args.out, names)
    found = open_inputs(
        args.files, args.data, "--data", flatten=args.flatten, ids=args.ids, skip_bad=args.skip_bad
    )
    sources = [*args.files, *(item.location["path"] for item in found.items)]
    for output in outputs.values():
        check_output(output, sources, _ENDINGS)
    check_plot(args.plot, sources)
    items = _read(_named(found.items), [*found.left_out, *found.bad], names, args)
    compared = announced(
        "",
        lambda: pairwise(
            list(items.values()),
            names,
            names=list(items),
            null=args.null,
            bootstrap=args.bootstrap,
            rng=args.rng,
            n_threads=args.threads,
            progress=sys.stderr.isatty(),
        ),
    )
    # By the names given on the command line, which are not always the metrics' own.
    results = dict(zip(names, compared.values(), strict=True))
    files: dict[str, Callable[[Any], object]] = {}
    for metric, output in outputs.items():
        if output.lower().endswith(".npz"):
            files[output] = results[metric].save
        else:
            files[output] = lambda out: write_pairwise_csv(out, results)
    if args.plot is not None:
        files[args.plot] = lambda out: plot_pairwise(results, out, cluster=not args.keep_order)
    deliver("\n\n".join(text for result in results.values() for text in _tables(result, args)), files)


def _require_distances(metrics: list[str]) -> None:
    """Refuse similarities, which are not distances of points."""
    with plain_errors():
        made = as_metrics(metrics)
    for name, metric in zip(metrics, made, strict=True):
        if metric.is_similarity or not metric.symmetric:
            what = "a similarity" if metric.is_similarity else "not symmetric"
            raise InputError(
                f"--embed needs distances, but {name} is {what}: use one such as procrustes or "
                "'cka(score=\"angular\")'"
            )


def _tables(result: Pairwise, args: argparse.Namespace) -> list[str]:
    """Lay out all that is known of a result."""
    texts = [pairwise_table(result)]
    if args.null or args.bootstrap:
        texts.append(uncertainty_table(result))
    if args.embed is not None:
        with plain_errors(f"--embed: {result.metric}"):
            texts.append(embedding_table(mds(result, args.embed, rng=args.rng, n_threads=args.threads)))
    return texts


def _outputs(path: str | None, metrics: Sequence[str]) -> dict[str, str]:
    """Name the file of each metric; several metrics share one table."""
    if path is None:
        return {}
    stem, ending = os.path.splitext(path)
    if ending.lower() != ".npz" or len(metrics) == 1:
        return dict.fromkeys(metrics, path)
    return {metric: f"{stem}.{metric.rpartition(':')[2]}{ending}" for metric in metrics}


def _named(items: Sequence[StoredItem]) -> dict[str, StoredItem]:
    """Call items by their file, or by their name in it, or by both where there are several archives."""
    paths = list(dict.fromkeys(item.location["path"] for item in items))
    stems = dict(zip(paths, _stems(paths), strict=True))
    found = {}
    for item in items:
        stem, key = stems[item.location["path"]], item.location["key"]
        found[stem if not key else key if len(paths) == 1 else f"{stem}:{key}"] = item
    return found


def _read(
    items: Mapping[str, StoredItem], left_out: list[str], metrics: list[str], args: argparse.Namespace
) -> dict[str, Representation]:
    """Read the representations, after everything that headers tell has been checked."""
    if not args.skip_bad:
        _say_left_out(left_out)
        _require_two(items)
    _require_equal_rows({name: len(item) for name, item in items.items()})
    found = {}
    for name, item in items.items():
        try:
            data = Representation(rows_of(item), ids=item.ids)
            if args.skip_bad:
                _require_usable(data, name, metrics)
        except InputError as error:
            if not args.skip_bad:
                raise
            left_out.append(str(error))
        else:
            found[name] = data
    if args.skip_bad:
        _say_left_out(left_out)
    say_flattened({name: items[name] for name in found})
    _require_two(found)
    return found


def _say_left_out(texts: Sequence[str]) -> None:
    if texts:
        say("note", f"left out: {cut(texts, MAX_BAD)}")


def _require_two(names: Collection[str]) -> None:
    """Refuse fewer than two items."""
    if len(names) < 2:
        found = f"there is only {', '.join(names)}" if names else "there are none"
        raise InputError(f"comparing needs at least two representations, but {found}")


def _require_usable(data: Representation, name: str, metrics: list[str]) -> None:
    """Refuse an item for which a metric is not defined, such as a dead layer."""
    (item,) = as_items([data], "data", [name], [name])
    with plain_errors(), single_threaded_blas():
        prepare_item(as_metrics(metrics), item)


def _stems(paths: Sequence[str]) -> list[str]:
    """Call files by their stems, or by their paths where stems do not tell them apart."""
    stems = [stem_of(path) for path in paths]
    counts = Counter(stems)
    return [
        stem if counts[stem] == 1 else os.path.splitext(os.path.relpath(path))[0]
        for stem, path in zip(stems, paths, strict=True)
    ]


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
