"""What a load left in a live model: loaded, random or dropped, shape against shape."""

from __future__ import annotations

from auscult.finding import Json
from auscult.report._parts._loading import fold_rows
from auscult.report.html._page import ReportPage
from auscult.report.sections.diff import DiffSection

ORDER = 55
TITLE = "What was loaded"
KEYS = ("loading",)
MAX_ROWS = 300


def content(page: ReportPage) -> Json | None:
    section = page.find(DiffSection)
    if section is None or section.loading is None:
        return None
    rows = fold_rows(section.loading["rows"])
    return {
        "count": len(section.loading["rows"]),
        "says": section.loading["says"],
        "rows": rows[:MAX_ROWS],
        "rest": max(0, len(rows) - MAX_ROWS),
    }
