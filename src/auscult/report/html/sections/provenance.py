"""Where the report comes from."""

from __future__ import annotations

from auscult.finding import Json
from auscult.report._provenance import collect_provenance
from auscult.report.html._page import ReportPage
from auscult.report.sections import SavedSection

ORDER = 90
TITLE = "Provenance"
KEYS: tuple[str, ...] = ()


def content(page: ReportPage) -> Json | None:
    saved_section = page.find(SavedSection)
    return {
        **collect_provenance(page.report),
        "saved": saved_section.file if saved_section is not None else None,
        "of_the_run": saved_section is not None and bool(saved_section.provenance),
        "count": None,
    }
