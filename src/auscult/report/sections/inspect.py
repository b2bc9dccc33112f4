"""What `inspect` adds: what the file is."""

from __future__ import annotations

from dataclasses import dataclass

from auscult.report.sections import Facts, VerbSection


@dataclass(frozen=True)
class InspectSection(VerbSection):
    """What the file is.

    Attributes:
        checkpoint: Format, containers, family, layout, health, module tree; on request the tensors
            and histograms.
    """

    checkpoint: Facts


SECTIONS = (InspectSection,)
