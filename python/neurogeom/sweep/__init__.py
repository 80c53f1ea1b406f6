"""Sweeps beyond memory and beyond one machine: plan, run, resume, extend and verify."""

from .._validate_sweep import SweepError
from ._capacity_jobs import CapacityJobs
from ._extend import extend
from ._plan import SweepPlan, plan
from ._results import CapacityTable, export
from ._results import open_sweep as open
from ._run import run, work
from ._status import SweepIncomplete, SweepStatus, status
from ._verify import Verification, verify

__all__ = [
    "CapacityJobs",
    "CapacityTable",
    "SweepError",
    "SweepIncomplete",
    "SweepPlan",
    "SweepStatus",
    "Verification",
    "export",
    "extend",
    "open",
    "plan",
    "run",
    "status",
    "verify",
    "work",
]
