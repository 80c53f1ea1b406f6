"""Sweeps beyond memory and beyond one machine: plan, run, resume, extend and verify."""

from .completeness import SweepIncomplete, SweepStatus, status
from .errors import SweepError
from .extension import extend
from .fewshot import FewshotMatrices, FewshotPairs
from .jobs import CapacityJobs, CapacityTable
from .planning import SweepPlan, plan
from .prediction import PredictionJobs, PredictionTable
from .results import export
from .results import open_sweep as open
from .running import run, work
from .verification import Verification, verify

__all__ = [
    "CapacityJobs",
    "CapacityTable",
    "FewshotMatrices",
    "FewshotPairs",
    "PredictionJobs",
    "PredictionTable",
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
