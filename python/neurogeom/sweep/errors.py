"""What goes wrong with sweeps."""

from __future__ import annotations

from .._base.codec import UntrustedError


class SweepError(RuntimeError):
    """A store cannot be used as it is: another plan, changed inputs, damage."""


# Errors that are not the fault of the tile or item being computed: they end the run.
FATAL = (OSError, SweepError, UntrustedError)
