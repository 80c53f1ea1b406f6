"""Checks of what other processes have to make again: metrics and their arguments."""

from __future__ import annotations

from typing import Any

import numpy as np


def require_plain_dtype(dtype: np.dtype[Any], name: str) -> None:
    """Refuse arrays of Python objects."""
    if dtype.hasobject:
        raise TypeError(f"{name} holds an array of Python objects, which a store cannot keep")


def unstorable(value: Any, name: str) -> TypeError:
    """Say that a value has no form in a store."""
    return TypeError(
        f"{name} holds a {type(value).__name__}, which a store cannot keep: only numbers, strings, arrays, "
        "lists, dicts, dataclasses and importable functions can be made again by another process"
    )


def require_importable(module: str | None, qualified: str | None, path: str, name: str) -> None:
    """Refuse functions and classes that another process could not import."""
    if not module or not qualified or module == "__main__" or "<" in qualified:
        what = "a lambda" if qualified and "<lambda>" in qualified else repr(path)
        raise TypeError(
            f"{name} uses {what}, which workers cannot import: put it at the top level of a module "
            "(a file of its own that all workers find) and use it as package.module:name"
        )


def require_same_object(same: bool, path: str, name: str) -> None:
    """Refuse what is not found under its own name."""
    if not same:
        raise TypeError(f"{name} uses {path!r}, but importing that gives something else")


def unknown_metric_path(path: str, error: Exception) -> ValueError:
    """Say that a metric could not be imported."""
    return ValueError(f"metric {path!r} cannot be imported: {error}")


def require_metric(value: Any) -> None:
    """Refuse what an import gave if it is no metric."""
    if not hasattr(value, "pair") or not hasattr(value, "parts"):
        raise TypeError(f"metric must be a neurogeom.Metric, not {type(value).__name__}")


def require_same_metric(same: bool, name: str) -> None:
    """Refuse a metric that its constructor's arguments do not describe."""
    if not same:
        raise TypeError(
            f"metric {name!r} cannot be made again from the arguments of its constructor: was it changed "
            "since?"
        )
