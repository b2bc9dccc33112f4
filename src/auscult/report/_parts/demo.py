"""What `demo` shows: the diagnosis that it made, with the page that it wrote."""

from __future__ import annotations

from collections.abc import Iterator

from auscult.report._parts import VerbPart
from auscult.report._parts.diagnose import iter_diagnosis_lines, show_findings
from auscult.report._parts.settle import show_after
from auscult.report._style import Style
from auscult.report.sections import find_section
from auscult.report.sections.demo import DemoSection
from auscult.verdict import Report


def show_before(report: Report, style: Style, verbose: int) -> Iterator[str]:  # noqa: ARG001
    """The answer, then how the recordings compare."""
    section = find_section(report, DemoSection)
    if section is not None:
        yield from iter_diagnosis_lines(
            report, section.diagnosed, style, output_name="wrong", page=section.page
        )


def suggest_page(report: Report) -> str:
    """The page, where there is one."""
    section = find_section(report, DemoSection)
    if section is not None and section.page is not None:
        return f"open {section.page}"
    return "auscult demo -v"


PART = VerbPart(
    before=show_before,
    after=show_after,
    findings=show_findings,
    next_command=suggest_page,
    counts_shown=False,
    next_shown=True,
)
