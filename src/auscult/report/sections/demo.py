"""What `demo` adds: the diagnosis that it made, and the page that it wrote."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from auscult.finding import Json
from auscult.report.sections import Facts, VerbSection
from auscult.report.sections.diagnose import DiagnoseSection
from auscult.verdict import Section


@dataclass(frozen=True)
class DemoSection(VerbSection):
    """The diagnosis of the demo.

    Attributes:
        diagnosed: The section of the diagnosis.
        page: Where the page is, where it could be written.
    """

    diagnosed: DiagnoseSection
    page: str | None = None

    @property
    def inner(self) -> tuple[Section, ...]:
        return (self.diagnosed,)

    def to_json(self) -> Json:
        values = self.diagnosed.to_json()
        if self.page is not None:
            values["page"] = self.page
        return values

    @classmethod
    def from_json(cls, values: Facts) -> Self | None:
        diagnosed = DiagnoseSection.from_json(values)
        if diagnosed is None:
            return None
        return cls(diagnosed, values.get("page"))


SECTIONS = (DemoSection,)
