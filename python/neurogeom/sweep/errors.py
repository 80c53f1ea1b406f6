"""What goes wrong with sweeps."""

from __future__ import annotations

from .._base.codec import UntrustedError


class SweepError(RuntimeError):
    """A store cannot be used as it is: another plan, changed inputs, damage."""


# Errors that are no fault of the tile or item that was being computed: nothing goes on.
FATAL = (OSError, SweepError, UntrustedError)
