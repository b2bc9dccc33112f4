"""What `trace` adds: the trace that was written."""

from __future__ import annotations

from dataclasses import dataclass

from auscult.report.sections import Facts, VerbSection


@dataclass(frozen=True)
class TraceSection(VerbSection):
    """The trace that was written.

    Attributes:
        trace: Where it is, how it was made, and what one should know before comparing it.
    """

    trace: Facts


SECTIONS = (TraceSection,)
