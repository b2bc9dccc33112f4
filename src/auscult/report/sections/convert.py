"""What `convert` adds: the file that was written, and the mapping as code."""

from __future__ import annotations

from dataclasses import dataclass

from auscult.report.sections import Facts, VerbSection


@dataclass(frozen=True)
class ConvertSection(VerbSection):
    """What a conversion wrote.

    Attributes:
        output: Path, files, format, size, whether nothing was lost, and what showed the layers.
        code: The mapping as code, where it was asked for.
    """

    output: Facts
    code: str | None = None


SECTIONS = (ConvertSection,)
