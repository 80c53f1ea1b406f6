"""``neurogeom info``: versions, the build, and how it runs on this machine."""

from __future__ import annotations

import argparse
import json
import platform

import numpy as np
import scipy

from .. import __version__, build_info
from .._base.threads import blas_of, resolve_threads


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the subcommand."""
    parser.add_argument("--json", action="store_true", help="print everything as one line of JSON")


def run(args: argparse.Namespace) -> None:
    """Print the versions, the build, and how it runs on this machine."""
    lines = {
        "neurogeom": __version__,
        **build_info(),
        "n_threads": resolve_threads(None),
        "python": platform.python_version(),
        "numpy": np.__version__,
        "numpy_blas": blas_of(np),
        "scipy": scipy.__version__,
        "scipy_blas": blas_of(scipy),
        "os": platform.platform(),
    }
    if args.json:
        print(json.dumps(lines))
        return
    width = max(map(len, lines))
    for key, value in lines.items():
        print(f"{key.ljust(width)}  {value}")
