"""What only some reports say, for the terminal: one file per key of a report's extra, found by that key.

A module has `BEFORE` (whether it stands before the findings or after them) and `lines(report, style, verbose)`.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator

from auscult import plugins
from auscult.report._style import Style
from auscult.verdict import Report


def iter_part_lines(report: Report, style: Style, verbose: int, *, before: bool) -> Iterator[str]:
    """The parts that the report has, in its own order; only their modules are imported."""
    part_names = plugins.list_module_names(__name__)
    for key in report.extra:
        if key in part_names and report.extra[key]:
            part = importlib.import_module(f"{__name__}.{key}")
            if part.BEFORE is before:
                yield from part.lines(report, style, verbose)
