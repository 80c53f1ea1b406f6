"""What scikit-learn expects of an estimator, without scikit-learn."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Sequence
from typing import Any, ClassVar, TypeVar

from ..._base import checks as _validate
from ...metrics.base import Metric

_Self = TypeVar("_Self", bound="Estimator")


class NotFittedError(ValueError, AttributeError):
    """Raised by methods that need a fitted alignment. As in scikit-learn, it is both kinds of error."""


class Estimator:
    """Constructor arguments are parameters: they are kept as given under their own names."""

    # The check of each parameter, by name.
    _checks: ClassVar[dict[str, Any]] = {}
    # Whether `fit` finds anything, so that test data mean something else than training data.
    _is_fitted_to_data: ClassVar[bool] = True

    center_columns: Any

    def _native(self) -> Metric | None:
        """The same measure on the fast engine, if the parameters allow it; None if pairs go one by one."""
        raise NotImplementedError

    @classmethod
    def _defaults(cls) -> dict[str, Any]:
        signature = inspect.signature(cls.__init__)
        return {name: p.default for name, p in list(signature.parameters.items())[1:]}

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the parameters by name.

        Parameters
        ----------
        deep : bool
            Without effect: no parameter is an estimator.

        Returns
        -------
        dict
        """
        del deep
        return {name: getattr(self, name) for name in sorted(self._defaults())}

    def set_params(self: _Self, **params: Any) -> _Self:
        """Set parameters by name.

        Parameters
        ----------
        **params
            The parameters to change.

        Returns
        -------
        self

        Raises
        ------
        TypeError, ValueError
            If there is no such parameter, or it cannot have this value; none is changed in that case.
        """
        known = self._defaults()
        unknown = sorted(set(params) - set(known))
        if unknown:
            raise ValueError(
                f"{type(self).__name__} has no parameter {unknown[0]!r}; it has {', '.join(known)}"
            )
        self._check(self.get_params() | params)
        for name, value in params.items():
            setattr(self, name, value)
        return self

    def _check(self, params: dict[str, Any]) -> None:
        """Refuse invalid parameters; valid ones are kept as given, which cloning relies on."""
        for name, value in params.items():
            self._checks[name](value, name)

    def __repr__(self) -> str:
        defaults = self._defaults()
        changed = {k: getattr(self, k) for k in defaults if getattr(self, k) != defaults[k]}
        return f"{type(self).__name__}({', '.join(f'{k}={v!r}' for k, v in changed.items())})"

    def __sklearn_tags__(self) -> Any:
        # Only scikit-learn calls this, so it can be imported here.
        utils = importlib.import_module("sklearn.utils")
        return utils.Tags(
            estimator_type=None,
            target_tags=utils.TargetTags(required=True, multi_output=True),
        )


def as_score_method(value: Any, name: str) -> str:
    """Take the ground metric."""
    return _validate.as_choice(value, name, ("angular", "euclidean"))


def require_equal_rows(rows: tuple[int, int], names: tuple[str, str]) -> None:
    """Refuse two matrices with different numbers of stimuli."""
    if rows[0] != rows[1]:
        raise ValueError(
            f"{names[0]} and {names[1]} must have rows for the same stimuli, not {rows[0]} and {rows[1]} rows"
        )


def require_equal_widths(widths: Sequence[int], zero_pad: bool) -> None:
    """Refuse unequal numbers of units unless they are padded with zeros."""
    if not zero_pad and len(set(widths)) > 1:
        shown = ", ".join(map(str, sorted(set(widths))))
        raise ValueError(f"representations have different numbers of units ({shown}) and zero_pad is False")
