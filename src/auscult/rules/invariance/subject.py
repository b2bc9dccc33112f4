"""What the rules of invariance look at: the properties of one model, as they were measured."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from auscult.finding import Finding, Fix, Json, Severity

if TYPE_CHECKING:
    from auscult.properties.records import CheckMeasurements, Observation

AT_FAULT_CONFIDENCE = 0.95
"""Of a property that was seen broken at a place. Chosen, not measured."""


@dataclass(frozen=True, eq=False)
class CheckSubject:
    """The properties of a model.

    Attributes:
        measured: What `auscult.properties` measured.
        recipe: Entries of a recipe that rounds the layers that bear it, by number format.
    """

    measured: CheckMeasurements
    recipe: dict[str, tuple[Json, ...]]


def iter_cause_findings(
    subject: CheckSubject, code: str, name: str, rank: int
) -> Iterator[Finding]:
    """A finding for each time that a property showed this cause."""
    for result in subject.measured.results:
        for observation in result.observations:
            if observation.cause == name and observation.outcome in ("broken", "changed"):
                number_format = str(observation.evidence.get("format", ""))
                yield Finding(
                    code,
                    name,
                    choose_severity(observation),
                    observation.places,
                    observation.message,
                    confidence=AT_FAULT_CONFIDENCE,
                    evidence={"property": result.name, **observation.evidence},
                    fix=_build_fix(observation, subject.recipe.get(number_format, ())),
                    rank=rank,
                )


def choose_severity(observation: Observation) -> Severity:
    """An error where it had to hold; else a warning where it may be heard, and information where models differ."""
    if observation.outcome == "broken":
        return Severity.ERROR
    if observation.is_warning:
        return Severity.WARNING
    return Severity.INFO


def _build_fix(observation: Observation, recipe: tuple[Json, ...]) -> Fix | None:
    if not observation.advice:
        return None
    return Fix("guess", observation.advice, recipe)
