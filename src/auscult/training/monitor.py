"""A look at a running training with the cheap measures of preflight, and a stop with a diagnosis
when it cannot succeed.

The causes have the names of `auscult rules`. A cause must show in two looks in a row: one look can
fall on a bad batch. What a look measures is the model's own: `training/codec/monitor.py`, say.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from torch import Tensor

from auscult.preflight_checks.measures.losses import is_deaf, measure_term_reactions

LOOKS_IN_A_ROW = 2
MAX_DC = 0.25  # of the RMS
Terms = Callable[[Tensor, Tensor], Mapping[str, Tensor]]
"""(output, target), [batch, 1, time] each, to the losses that have a weight."""


@dataclass(frozen=True)
class Diagnosis:
    """A cause, what shows it, and what to do."""

    cause: str
    message: str
    advice: str


@dataclass
class MonitorReading:
    """What was measured, for the log, and what is wrong."""

    figures: dict[str, Any] = field(default_factory=dict)
    diagnoses: list[Diagnosis] = field(default_factory=list)


class Monitor:
    """Remembers what the last look has found."""

    def __init__(self, sample_rate: int) -> None:
        self.sample_rate = sample_rate
        self.seen: Counter[str] = Counter()

    def verdict(self, reading: MonitorReading) -> Diagnosis | None:
        """The first cause that has now shown in two looks in a row."""
        current_causes = {diagnosis.cause for diagnosis in reading.diagnoses}
        for cause in list(self.seen):
            if cause not in current_causes:
                del self.seen[cause]
        self.seen.update(current_causes)
        return next(
            (
                diagnosis
                for diagnosis in reading.diagnoses
                if self.seen[diagnosis.cause] >= LOOKS_IN_A_ROW
            ),
            None,
        )


def check_dc(mean: float, level: float) -> Iterator[Diagnosis]:
    """Of an output with that mean and RMS."""
    if abs(mean) > MAX_DC * level:
        yield Diagnosis(
            "dc",
            f"the output's mean is {mean:.3f}, {abs(mean) / level:.0%} of the level",
            "look at the bias of the last convolution and at what precedes it",
        )


def check_losses(terms: Terms, target: Tensor, sample_rate: int) -> Iterator[Diagnosis]:
    """Terms that say the same whatever is done to the target [batch, 1, time]."""
    for name in terms(target, target):
        if is_deaf(
            measure_term_reactions(
                partial(_evaluate_term, terms, name, target), target, sample_rate
            )
        ):
            yield Diagnosis(
                "loss-blind",
                f"`{name}` has the same value whatever the output is",
                "leave it out, or mend it",
            )


def _evaluate_term(
    terms: Terms,
    name: str,
    target: Tensor,
    output: Tensor,
) -> float:
    return float(terms(output, target)[name])
