"""What `report` adds: what changed from one report to another."""

from __future__ import annotations

from dataclasses import dataclass

from auscult.report.sections import Facts, VerbSection


@dataclass(frozen=True)
class ChangesSection(VerbSection):
    """What changed from one report to another.

    Attributes:
        changes: Verdicts, findings, skips, mapping entries, and figures that differ.
    """

    changes: Facts


SECTIONS = (ChangesSection,)
