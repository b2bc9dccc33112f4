"""The report as the terminal shows it: what a verb says in its own words, where the page has no part made for that."""

from __future__ import annotations

from auscult.finding import Json
from auscult.report import text
from auscult.report.html._page import ReportPage
from auscult.report.html.sections.figures import find_unclaimed_extra

ORDER = 65
TITLE = "As text"
KEYS: tuple[str, ...] = ()

SILENT_KEYS = frozenset(("evidence", "error", "checkpoint_of"))
"""Keys that only the figures show, and that the terminal does not speak of."""


def content(page: ReportPage) -> Json | None:
    if not set(find_unclaimed_extra(page)) - SILENT_KEYS:
        return None
    try:
        return {"count": None, "text": text.render(page.report)}
    except (
        LookupError,
        TypeError,
    ):  # a saved report of another version: not all that its verb says today
        return None
