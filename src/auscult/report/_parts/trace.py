"""The facts of `trace` as lines."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from auscult.report._parts import VerbPart
from auscult.report._parts.inspect import format_size
from auscult.report._style import Style
from auscult.report.sections import find_section
from auscult.report.sections.trace import TraceSection
from auscult.verdict import Report


def iter_trace_lines(facts: Mapping[str, Any], style: Style) -> Iterator[str]:
    """Where the trace is, how it was made, and what one should know before comparing it."""
    yield f"wrote {facts['path']} ({format_size(facts['bytes'])})"
    origin_text = " ".join(
        str(facts[name]) for name in ("framework", "version", "dtype") if facts[name]
    )
    yield f"{origin_text} on {facts['device']}, {facts['modules']} modules, {facts['noise']} random draws"
    if facts["non_finite_records"]:
        yield style(
            f"{facts['non_finite_records']} records hold NaN or infinity, the first is {facts['non_finite'][0]}",
            "red",
        )
    if facts["training"]:
        yield style(
            "the model is in training mode (dropout, batch norm): call .eval() unless that is what you want",
            "yellow",
        )


def show_before(report: Report, style: Style, verbose: int) -> Iterator[str]:  # noqa: ARG001
    """The trace that was written."""
    section = find_section(report, TraceSection)
    if section is not None:
        yield from iter_trace_lines(section.trace, style)


PART = VerbPart(before=show_before)
