"""What `check` adds: every property of the model, and what rounding does to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from auscult.report.sections import Facts, VerbSection


@dataclass(frozen=True)
class CheckSection(VerbSection):
    """What became of each property.

    Attributes:
        properties: One row each: its name, what became of it, whether the model has to have it, and what was seen.
        precision: For each number format, the error at the output, that of each layer alone, and the layers to keep.
    """

    properties: Sequence[Facts]
    precision: Sequence[Facts] | None = None


SECTIONS = (CheckSection,)
