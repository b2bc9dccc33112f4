"""The table of a study."""

from __future__ import annotations

from collections.abc import Iterator

from auscult.report._style import Style
from auscult.verdict import Report

BEFORE = True


def lines(report: Report, style: Style, verbose: int) -> Iterator[str]:  # noqa: ARG001
    """The table of a study."""
    yield f"{style('wrote', 'bold')} {report.extra['study']['file']}"
