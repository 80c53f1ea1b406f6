"""Capacity as a sweep: one job an item (a layer of a network, a brain area) and seed."""

from __future__ import annotations

import dataclasses
import inspect
import math
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from .._base import checks as _validate
from .._base.checks import AnyArray, FloatArray
from ..capacity import joint
from ..capacity import mean_field as capacity
from ..capacity._joint_results import EffectiveGeometry
from ..capacity.results import ManifoldCapacity
from ..clouds.manifolds import manifolds
from ..representations.representation import Item
from . import errors as check

# The function, its result, and the number without which a job has none.
_KINDS: dict[str, tuple[Callable[..., Any], type, str]] = {
    "mean_field": (capacity.manifold_capacity, ManifoldCapacity, "mean_capacity"),
    "joint": (joint.effective_geometry, EffectiveGeometry, "capacity"),
}
# Options that belong to the sweep, or make results that are no single numbers.
_OURS = ("manifolds", "rng", "n_threads", "progress", "gaussians", "null", "keep_anchors")


class CapacityJobs:
    """Manifold capacity of every item of a sweep, with one or several seeds.

    Give it to :func:`neurogeom.sweep.plan` as `metric`.

    Parameters
    ----------
    labels : array-like of shape (n_stimuli,)
        The manifold that each stimulus (row of the items) belongs to. An index (pandas) or a coordinate
        (xarray) must agree with those, or the ids, of the items where these have some.
    kind : {"mean_field", "joint"}, default "mean_field"
        :func:`neurogeom.manifold_capacity` or :func:`neurogeom.effective_geometry`.
    seeds : sequence of int, default (0,)
        Each item is analysed once with each, as with ``rng=seed``.
    **options
        Passed on, such as ``n_samples=300`` or ``dichotomies="iid"``.

    Raises
    ------
    TypeError, ValueError
        If labels, seeds or options cannot be used.

    Examples
    --------
    >>> import neurogeom as ng
    >>> ng.sweep.CapacityJobs(["cat", "cat", "dog", "dog"], seeds=[0, 1], n_samples=100)
    CapacityJobs(kind='mean_field', 2 manifolds, 2 seeds, n_samples=100)
    """

    # Of pandas or xarray; for plan only, as what is saved has no index.
    index: _validate.Index | None = None

    def __init__(
        self,
        labels: ArrayLike,
        kind: Literal["mean_field", "joint"] = "mean_field",
        *,
        seeds: Sequence[int] = (0,),
        **options: Any,
    ) -> None:
        self.kind = _validate.as_choice(kind, "kind", tuple(_KINDS))
        self.labels: AnyArray = _validate.as_labels(labels, None)
        self.index = _validate.row_index(labels, "labels")
        self.seeds = check.as_seeds(seeds, "seeds")
        known = [name for name in inspect.signature(self._function).parameters if name not in _OURS]
        check.require_known_options(options, known, self._function.__name__)
        self.options = dict(options)

    @property
    def _function(self) -> Callable[..., Any]:
        return _KINDS[self.kind][0]

    @property
    def name(self) -> str:
        """How results call it."""
        return self._function.__name__

    def __repr__(self) -> str:
        shown = [
            f"kind={self.kind!r}",
            f"{len(np.unique(self.labels))} manifolds",
            f"{len(self.seeds)} seeds",
        ]
        shown += [f"{name}={_validate.shown(value)}" for name, value in self.options.items()]
        return f"CapacityJobs({', '.join(shown)})"

    def arguments(self) -> dict[str, Any]:
        """What it was made from."""
        return {"labels": self.labels, "kind": self.kind, "seeds": list(self.seeds), **self.options}

    @classmethod
    def made_from(cls, arguments: Mapping[str, Any]) -> CapacityJobs:
        """Make it again."""
        return cls(**arguments)

    def available_fields(self) -> list[str]:
        """Single numbers of a result, which can be fields."""
        result = _KINDS[self.kind][1]
        types = {field.name: field.type for field in dataclasses.fields(result)}
        for name, found in inspect.getmembers(result, lambda member: isinstance(member, property)):
            types[name] = found.fget.__annotations__["return"]
        return [name for name, kind in types.items() if kind in ("float", "int")]

    def run(
        self, item: Item, seed: int, fields: Sequence[str], n_threads: int
    ) -> tuple[FloatArray, str, str]:
        """Do one job; gives its fields, why it has no result if so, and what else was warned of."""
        check.require_rows(item.n_stimuli, len(self.labels), item.label)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            clouds = manifolds(np.asarray(item.source), self.labels)
            result = self._function(clouds, rng=seed, n_threads=n_threads, **self.options)
        text = "; ".join(dict.fromkeys(str(warning.message) for warning in caught))
        lead = _KINDS[self.kind][2]
        value = float(getattr(result, lead))
        values = np.array([float(getattr(result, field)) for field in fields])
        return (values, "", text) if math.isfinite(value) else (values, text or f"{lead} is {value}", "")
