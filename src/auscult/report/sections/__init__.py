"""What each verb adds to its report: one frozen dataclass per verb, in a file named after the verb.

A field of a section is a key that the verb adds to the envelope (`schemas/report.schema.json`). A
field without a default is always there; one with a default is left out of the JSON while it is None.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, dataclass, fields
from typing import Any, Self, TypeVar

from auscult import plugins
from auscult.finding import Json
from auscult.verdict import Report, Section

Facts = Mapping[str, Any]
"""What a field of a section holds: JSON, whose keys the schema describes."""

AnySection = TypeVar("AnySection", bound=Section)


@dataclass(frozen=True)
class VerbSection:
    """The base of all sections."""

    @property
    def inner(self) -> tuple[Section, ...]:
        """Sections of other verbs that this one took in."""
        return ()

    def to_json(self) -> Json:
        """The keys that the verb adds to the envelope."""
        return {
            field.name: getattr(self, field.name)
            for field in fields(self)
            if field.default is MISSING or getattr(self, field.name) is not None
        }

    @classmethod
    def from_json(cls, values: Facts) -> Self | None:
        """The section in a report's JSON; None where a key that it always has is missing."""
        names = [field.name for field in fields(cls)]
        required = [field.name for field in fields(cls) if field.default is MISSING]
        if any(name not in values for name in required):
            return None
        return cls(**{name: values[name] for name in names if name in values})


@dataclass(frozen=True)
class SavedSection:
    """A section that was read from JSON.

    Attributes:
        values: All keys as they were read, also those that this version does not know.
        section: The typed section, where the verb is known and its keys are there.
    """

    values: Json
    section: Section | None = None

    @property
    def inner(self) -> tuple[Section, ...]:
        return () if self.section is None else (self.section,)

    @property
    def provenance(self) -> Facts:
        """Where the report comes from, as it was saved."""
        return self.values.get("provenance") or {}

    @property
    def file(self) -> Facts | None:
        """The file that the report was read from."""
        return self.values.get("saved")

    def to_json(self) -> Json:
        return self.values


def iter_sections(section: Section | None) -> Iterator[Section]:
    """The section and those inside it."""
    if section is not None:
        yield section
        for inner in section.inner:
            yield from iter_sections(inner)


def find_section(report: Report, kind: type[AnySection]) -> AnySection | None:
    """The report's section of that kind, or the one inside it."""
    for section in iter_sections(report.section):
        if isinstance(section, kind):
            return section
    return None


def name_section_module(command: str) -> str | None:
    """Dotted name of the module with the sections of a verb; None for a verb that has none."""
    verb = command.partition(" ")[0]
    return f"{__name__}.{verb}" if verb in plugins.list_module_names(__name__) else None


def section_from_json(command: str, values: Facts) -> SavedSection:
    """The section in the JSON of a report of that verb."""
    module_name = name_section_module(command)
    if module_name is None:
        return SavedSection(dict(values))
    kinds: tuple[type[VerbSection], ...] = importlib.import_module(module_name).SECTIONS
    sections = (kind.from_json(values) for kind in kinds)
    typed_section = next((section for section in sections if section is not None), None)
    return SavedSection(dict(values), typed_section)
