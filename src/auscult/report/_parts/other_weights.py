"""That two forms of one architecture hold weights of two trainings."""

from __future__ import annotations

from collections.abc import Iterator

from auscult.report._style import Style
from auscult.verdict import Report

BEFORE = True


def lines(report: Report, style: Style, verbose: int) -> Iterator[str]:  # noqa: ARG001
    """That two forms of one architecture hold weights of two trainings."""
    yield style(report.extra["other_weights"]["says"], "bold")
