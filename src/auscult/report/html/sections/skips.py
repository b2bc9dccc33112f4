"""What was not looked at, or left open, and why."""

from __future__ import annotations

from auscult.finding import Json
from auscult.report.html._page import ReportPage
from auscult.report.html._text import fold_patterns

ORDER = 80
TITLE = "Not looked at"
KEYS: tuple[str, ...] = ()

MAX_ROWS = 300


def content(page: ReportPage) -> Json | None:
    reasons: dict[str, list[str]] = {}
    for skip in page.report.skips:
        reasons.setdefault(skip.reason, []).append(skip.where)
    rows = [(reason, fold_patterns(places)) for reason, places in reasons.items()]
    if rows:
        return {
            "count": len(page.report.skips),
            "rows": rows[:MAX_ROWS],
            "rest": max(0, len(rows) - MAX_ROWS),
        }
    return None
