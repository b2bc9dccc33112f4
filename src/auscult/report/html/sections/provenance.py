"""Where the report comes from."""

from __future__ import annotations

from auscult.finding import Json
from auscult.report._provenance import collect_provenance
from auscult.report.html._page import ReportPage

ORDER = 90
TITLE = "Provenance"
KEYS: tuple[str, ...] = ()


def content(page: ReportPage) -> Json | None:
    saved = page.report.extra.get("saved")
    of_the_run = bool(page.report.extra.get("provenance"))
    return {
        **collect_provenance(page.report),
        "saved": saved,
        "of_the_run": of_the_run,
        "count": None,
    }
