"""Sweeps of predictions: how well every item predicts each of some targets, by theory and by trial."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

import numpy as np

from .._base import checks as _validate
from .._base.checks import AnyArray, FloatArray
from .._base.codec import Trust, decode, encode
from ..generalization.prediction_curve import prediction_curve
from ..generalization.spectral import SpectralPrediction, spectral_prediction
from ..representations import checks as _validate_pairwise
from ..representations.items import Item, as_items, require_comparable
from .jobs import ItemJobs, JobTable, as_fields, with_warnings
from .kinds import Arrays, Asked, Parts, register
from .store import Store

# Numbers of the measured curve, at the one number of stimuli.
_MEASURED = ("error_heldout", "error_heldout_se", "error", "error_se")
_LEAD = "error"  # without which a job has no result


class PredictionJobs:
    """How well every item of a sweep predicts each of some targets.

    Pass it to :func:`neurogeom.sweep.plan` as `metric`. There is one job for each item and target.

    Parameters
    ----------
    Y : array-like of shape (n_stimuli, n_responses), or mapping of str to these
        The responses to predict, one target or several by name, such as areas; with the stimuli of the items
        in their order. A pandas index or an xarray coordinate must agree with those of the items.
    n_train : int
        Stimuli to learn from.
    ridge, ridge_mode, center, kernel : optional
        As for :func:`neurogeom.spectral_prediction`.
    n_splits : int, optional
        Also measure the error over so many random choices of training stimuli, as
        :func:`neurogeom.prediction_curve` does.
    seed : int, default 0
        Source of these choices, as with ``rng=seed``.

    Raises
    ------
    TypeError, ValueError
        If a target or an option cannot be used.

    Examples
    --------
    >>> import numpy as np
    >>> import neurogeom as ng
    >>> V4, IT = np.random.default_rng(0).normal(size=(2, 50, 8))
    >>> ng.sweep.PredictionJobs({"V4": V4, "IT": IT}, n_train=30, ridge=0.1)
    PredictionJobs(2 targets, n_train=30, ridge=0.1)
    """

    def __init__(
        self,
        Y: Any,
        *,
        n_train: int,
        ridge: float = 0.0,
        ridge_mode: Literal["per_sample", "total"] = "per_sample",
        center: bool = True,
        kernel: Any = None,
        n_splits: int | None = None,
        seed: int = 0,
    ) -> None:
        named = isinstance(Y, Mapping)
        given = list(Y.values()) if named else [Y]
        names = list(Y) if named else ["Y"]
        labels = [f"Y[{name!r}]" for name in names] if named else names
        self.targets: list[Item] = as_items(given, "Y", names, labels)
        _validate_pairwise.require_items(len(self.targets), "Y")
        for target in self.targets:
            target.require_kind(("responses",), "prediction")
        require_comparable(self.targets)
        self.n_train = _validate.as_count(n_train, "n_train")
        # Checked by the function; a plan tries it.
        self.options = {"ridge": ridge, "ridge_mode": ridge_mode, "center": center, "kernel": kernel}
        self.n_splits = None if n_splits is None else _validate.as_count(n_splits, "n_splits")
        self.seed = _validate.as_count(seed, "seed", minimum=0)
        self.data: list[FloatArray] = [target.read() for target in self.targets]

    @property
    def names(self) -> list[str]:
        """Names of the targets."""
        return [target.name for target in self.targets]

    def __repr__(self) -> str:
        count = len(self.targets)
        shown = [f"{count} target{'s' * (count > 1)}", f"n_train={self.n_train}"]
        defaults = {"ridge": 0.0, "ridge_mode": "per_sample", "center": True, "kernel": None}
        shown += [
            f"{name}={_validate.shown(value)}"
            for name, value in self.options.items()
            if value is not defaults[name] and value != defaults[name]
        ]
        if self.n_splits is not None:
            shown += [f"n_splits={self.n_splits}", f"seed={self.seed}"]
        return f"PredictionJobs({', '.join(shown)})"

    def arguments(self) -> dict[str, Any]:
        """What it was made from."""
        options = {"n_train": self.n_train, **self.options, "n_splits": self.n_splits, "seed": self.seed}
        return {"names": self.names, "targets": self.data, "options": options}

    @classmethod
    def made_from(cls, arguments: Mapping[str, Any]) -> PredictionJobs:
        """Recreate it from its arguments."""
        targets = dict(zip(arguments["names"], arguments["targets"], strict=True))
        return cls(targets, **arguments["options"])

    def require_rows(self, item: Item) -> None:
        """Refuse an item that is not a matrix of responses to the stimuli of the targets."""
        item.require_kind(("responses",), "prediction")
        count = self.targets[0].n_stimuli
        if item.n_stimuli != count:
            raise ValueError(f"{item.label} has {item.n_stimuli} rows, but the targets have {count}")

    def available_fields(self) -> list[str]:
        """Names of the numbers of a job, which can be fields."""
        measured = [f"measured_{name}" for name in _MEASURED] if self.n_splits is not None else []
        return [*SpectralPrediction.numbers, *measured]

    def run(
        self, item: Item, place: int, fields: Sequence[str], n_threads: int
    ) -> tuple[FloatArray, str, str]:
        """Do one job; return its fields, why it has no result (if so), and any other warnings."""
        self.require_rows(item)
        X, Y = item.read(), self.data[place]

        def compute() -> dict[str, float]:
            theory = spectral_prediction(X, Y, n_train=self.n_train, **self.options)
            found = {name: float(getattr(theory, name)) for name in SpectralPrediction.numbers}
            if self.n_splits is not None and any(name.startswith("measured_") for name in fields):
                curve = prediction_curve(
                    X,
                    Y,
                    self.n_train,
                    n_splits=self.n_splits,
                    rng=self.seed,
                    n_threads=n_threads,
                    **self.options,
                )
                found |= {f"measured_{name}": float(getattr(curve, name)) for name in _MEASURED}
            return found

        result, text = with_warnings(compute)
        values = np.array([result[field] for field in fields])
        lead = result[_LEAD]
        return (values, "", text) if math.isfinite(lead) else (values, text or f"{_LEAD} is {lead}", "")


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class PredictionTable(JobTable):
    """Results of predictions, one entry per item and target; made by :func:`open`.

    Attributes
    ----------
    names : ndarray of str
        The item of each job.
    targets : ndarray of str
        The target of each job.
    fields : tuple of str
        The numbers known of each job, such as "error".
    values : ndarray of shape (n_fields, n_jobs)
        The numbers; NaN where a job is not done yet or its data do not allow it.
    method : str
        The function that computed them.
    """

    targets: AnyArray

    def _keys(self) -> dict[str, AnyArray]:
        return {"name": self.names, "target": self.targets}


@dataclasses.dataclass(frozen=True, kw_only=True)
class PredictionSweep(ItemJobs):
    """Predictions of every target from every item."""

    jobs: PredictionJobs

    options: ClassVar[tuple[str, ...]] = ("fields",)
    unit: ClassVar[str] = "prediction"

    @classmethod
    def takes(cls, metric: Any) -> bool:
        """Return whether `metric` asks for this kind."""
        return isinstance(metric, PredictionJobs)

    @classmethod
    def describe(cls, asked: Asked, arguments: dict[str, AnyArray]) -> dict[str, Any]:
        """Check the items and fields, and describe the jobs."""
        jobs: PredictionJobs = asked.metric
        chosen = as_fields(asked.fields, jobs.available_fields())
        _validate_pairwise.require_items(len(asked.rows), "items")
        for item in asked.rows:
            jobs.require_rows(item)
        require_comparable([*jobs.targets, *asked.rows])
        return {"jobs": encode(jobs.arguments(), "jobs", arguments), "fields": chosen}

    @classmethod
    def made_from(
        cls,
        plan: Mapping[str, Any],
        parts: Parts,
        arguments: Arrays,
        trust: Trust,
    ) -> ItemJobs:
        """Make the sweep of a plan."""
        jobs = PredictionJobs.made_from(decode(plan["jobs"], arguments, trust))
        return cls.of_parts(plan, parts, len(jobs.targets), jobs=jobs)

    @property
    def what(self) -> str:
        """What is computed, in a few words."""
        return repr(self.jobs)

    @property
    def speaker(self) -> str:
        """Who makes the remarks."""
        return spectral_prediction.__name__

    def job_name(self, number: int, place: int) -> str:
        """Name a job, for notes."""
        return f"{self.items[number]['name']}, {self.jobs.names[place]}"

    def check_new(self, new: list[Item], test: Any) -> list[Item] | None:
        """Refuse items that are not responses."""
        for item in new:
            self.jobs.require_rows(item)
        return super().check_new(new, test)

    def run(self, item: Item, place: int, n_threads: int) -> tuple[FloatArray, str, str]:
        """Do one job."""
        return self.jobs.run(item, place, self.fields, n_threads)

    def results(self, store: Store, values: FloatArray) -> PredictionTable:
        """Put the numbers into a table."""
        del store
        names = np.array([item["name"] for item in self.items])
        targets = np.array(self.jobs.names)
        return PredictionTable(
            names=np.repeat(names, len(targets)),
            targets=np.tile(targets, len(names)),
            fields=tuple(self.fields),
            values=values,
            method=self.speaker,
        )

    def arrays(self, found: PredictionTable) -> dict[str, Any]:
        """Return the columns of the table."""
        return found._table()


register(PredictionSweep, "prediction")
