"""What the rules of training look at: what a few instrumented steps measured."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from auscult.preflight_checks.records import TrainingMeasurements


@dataclass(frozen=True, eq=False)
class PreflightSubject:
    """A training, as the instrumented steps of `auscult.preflight_checks` saw it; or figures from
    its log.
    """

    measured: TrainingMeasurements
