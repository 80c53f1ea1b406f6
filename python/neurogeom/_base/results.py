"""What functions return: frozen records of arrays that can be tabulated, saved and loaded."""

from __future__ import annotations

import dataclasses
import json
import os
import warnings
import zipfile
from collections.abc import Sequence
from typing import Any, ClassVar, Literal

import numpy as np

from .checks import require_extra, user_level
from .codec import as_trust, decode, encode, register_if_built_in


class ConvergenceWarning(UserWarning):
    """Some part of a result could not be computed; it is NaN and its status says why."""


def warn_of_one(count: int, name: str, missing: str = "no standard errors") -> None:
    """Warn that an estimate from one draw has no error."""
    if count == 1:
        warnings.warn(
            f"{name} is 1, which leaves {missing}: they are NaN",
            ConvergenceWarning,
            stacklevel=user_level(),
        )


@dataclasses.dataclass(frozen=True, kw_only=True)
class Column:
    """What a table shows of a result: an attribute, and what to know about it.

    Attributes
    ----------
    name : str
        The attribute.
    kind : str
        "estimate" (a number with errors), "count", "setting" (what the user chose), "diagnostic" or "label".
    unit : str
        The unit of its values; empty for pure numbers.
    errors : tuple of str
        Attributes that hold its standard errors, the one over draws first.
    of_items : bool
        Whether it has one value for each item (a manifold) rather than one for the whole result.
    in_null : bool
        Whether tables show its null too: the result's ``null``, where it is not None, has the draws under the
        same name.
    """

    name: str
    kind: Literal["estimate", "count", "setting", "diagnostic", "label"] = "estimate"
    unit: str = ""
    errors: tuple[str, ...] = ()
    of_items: bool = False
    in_null: bool = False


def columns_of_kind(
    kind: Literal["estimate", "count", "setting", "diagnostic", "label"], *names: str, of_items: bool = False
) -> tuple[Column, ...]:
    """Declare columns that have no error."""
    return tuple(Column(name=name, kind=kind, of_items=of_items) for name in names)


def columns_with_errors(
    *names: str, unit: str = "", over: Sequence[str] = ("",), of_items: bool = False, in_null: bool = False
) -> tuple[Column, ...]:
    """Declare estimates whose errors are in ``name_se``, or in ``name_se`` followed by each of `over`."""
    return tuple(
        Column(
            name=name,
            unit=unit,
            errors=tuple(f"{name}_se{what}" for what in over),
            of_items=of_items,
            in_null=in_null,
        )
        for name in names
    )


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Result:
    """Base of all results."""

    # Fields that go into __repr__, in order.
    _headline: ClassVar[tuple[str, ...]] = ()
    # What tables show, in order; empty for results that do not go into a table with others.
    columns: ClassVar[tuple[Column, ...]] = ()

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        register_if_built_in(cls)

    def __repr__(self) -> str:
        shown = []
        for name in self._headline:
            value = getattr(self, name)
            error = getattr(self, f"{name}_se", None)
            text = f"{value:.4g}" if isinstance(value, float) else f"{value}"
            shown.append(f"{name}={text}" + (f"±{error:.2g}" if isinstance(error, float) else ""))
        return f"{type(self).__name__}({', '.join(shown)})"

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as a dict; nested results become dicts."""
        fields = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
        return {k: v.to_dict() if isinstance(v, Result) else v for k, v in fields.items()}

    def _table(self) -> dict[str, Any]:
        """Columns of the table: the one-dimensional fields of the first such field's length."""
        columns: dict[str, Any] = {}
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            flat = isinstance(value, np.ndarray) and value.ndim == 1
            if flat and all(len(value) == len(other) for other in columns.values()):
                columns[field.name] = value
        return columns

    def to_dataframe(self) -> Any:
        """Return the fields that hold one value per item as a pandas DataFrame, one row per item."""
        return require_extra("pandas", "pandas", "to_dataframe").DataFrame(self._table())

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write all fields to an .npz file (no pickle); :func:`neurogeom.load` reads it back."""
        arrays: dict[str, Any] = {}
        description = encode(self, "", arrays)
        with open(path, "wb") as file:
            np.savez_compressed(file, __neurogeom__=json.dumps(description), **arrays)


def load(path: str | os.PathLike[str], *, trust: Sequence[str] = ()) -> Any:
    """Read a result that was written by its ``save`` method.

    Parameters
    ----------
    path : path-like
        An .npz file.
    trust : sequence of str, optional
        Your own packages and modules whose results the file may hold; nothing else is imported.

    Returns
    -------
    Result
        An object of the class that was saved, with equal fields.

    Raises
    ------
    ValueError
        If the file was not written by neurogeom, or names a class that is not trusted.

    Examples
    --------
    >>> import tempfile, os
    >>> import neurogeom as ng
    >>> result = ng.dimensionality([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
    >>> path = os.path.join(tempfile.mkdtemp(), "dimension.npz")
    >>> result.save(path)
    >>> ng.load(path).participation_ratio == result.participation_ratio
    True
    """
    trusted = as_trust(trust)
    with open(path, "rb") as file:
        try:
            with np.load(file, allow_pickle=False) as archive:
                result = decode(json.loads(str(archive["__neurogeom__"])), archive, trusted)
        # Whatever somebody else's file, or half of one of ours, may raise on the way.
        except (ValueError, KeyError, TypeError, AttributeError, EOFError, zipfile.BadZipFile) as error:
            raise ValueError(f"{os.fspath(path)} is not a readable neurogeom result: {error!r}") from error
    if not isinstance(result, Result):
        raise ValueError(f"{os.fspath(path)} is not a readable neurogeom result")
    return result
