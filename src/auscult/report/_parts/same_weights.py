"""That two forms of a model hold the same weights."""

from __future__ import annotations

from collections.abc import Iterator

from auscult.report._style import Style
from auscult.verdict import Report

BEFORE = True


def lines(report: Report, style: Style, verbose: int) -> Iterator[str]:  # noqa: ARG001
    """That two forms of a model hold the same weights."""
    yield style(report.extra["same_weights"]["says"], "bold")
