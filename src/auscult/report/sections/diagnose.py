"""What `diagnose` adds: the answer, with what the verbs that it ran have measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from auscult.finding import Json
from auscult.report.sections import Facts, VerbSection
from auscult.report.sections.compare import CompareSection
from auscult.report.sections.settle import SettleSection
from auscult.verdict import Section


@dataclass(frozen=True)
class DiagnoseSection(VerbSection):
    """The answer of a diagnosis.

    Attributes:
        diagnosis: Cause, symptoms, suspects, evidence, and what to run next.
        given: What was given: words of the command line per option.
        recordings: What was heard, what should be heard, and what the repaired model says.
        same_weights: As in `DiffSection`.
        comparison: What `compare` measured, where traces were given.
        settled: What running the readings of the family gave.
        pictures: Pictures that were drawn, with their files.
    """

    diagnosis: Facts
    given: Facts
    recordings: Sequence[Facts]
    same_weights: Facts | None = None
    comparison: CompareSection | None = None
    settled: SettleSection | None = None
    pictures: Sequence[Facts] | None = None

    @property
    def inner(self) -> tuple[Section, ...]:
        sections = (self.comparison, self.settled)
        return tuple(section for section in sections if section is not None)

    def to_json(self) -> Json:
        values: Json = {}
        if self.same_weights is not None:
            values["same_weights"] = self.same_weights
        for section in self.inner:
            values |= section.to_json()
        values |= {
            "given": self.given,
            "diagnosis": self.diagnosis,
            "recordings": self.recordings,
        }
        if self.pictures is not None:
            values["pictures"] = self.pictures
        return values

    @classmethod
    def from_json(cls, values: Facts) -> Self | None:
        if not isinstance(values.get("diagnosis"), dict):
            return None
        return cls(
            values["diagnosis"],
            values.get("given", {}),
            values.get("recordings", ()),
            values.get("same_weights"),
            CompareSection.from_json(values),
            SettleSection.from_json(values),
            values.get("pictures"),
        )


SECTIONS = (DiagnoseSection,)
