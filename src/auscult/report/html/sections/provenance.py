"""Where the report comes from."""

from __future__ import annotations

from auscult.finding import Json
from auscult.report.html._page import Page
from auscult.report.html._provenance import provenance

ORDER = 90
TITLE = "Provenance"
KEYS: tuple[str, ...] = ()


def content(page: Page) -> Json | None:
    saved = page.report.extra.get("saved")
    return {**provenance(page.report), **(page.report.extra.get("provenance") or {}), "saved": saved, "count": None}
