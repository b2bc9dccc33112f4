"""The pages of the rules, for `auscult rules --format html`."""

from __future__ import annotations

from auscult.finding import Json
from auscult.report.html._page import ReportPage

ORDER = 5
TITLE = "Rules"
KEYS = ("rules",)


def content(page: ReportPage) -> Json | None:
    rows = page.report.extra.get("rules") or ()
    if rows:
        return {"count": len(rows), "rows": rows}
    return None
