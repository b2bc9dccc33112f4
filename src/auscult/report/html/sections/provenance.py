"""Where the report comes from."""

from __future__ import annotations

from auscult.finding import Json
from auscult.report._provenance import provenance
from auscult.report.html._page import Page

ORDER = 90
TITLE = "Provenance"
KEYS: tuple[str, ...] = ()


def content(page: Page) -> Json | None:
    saved = page.report.extra.get("saved")
    of_the_run = bool(page.report.extra.get("provenance"))
    return {**provenance(page.report), "saved": saved, "of_the_run": of_the_run, "count": None}
