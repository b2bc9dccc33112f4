"""The pages of the rules, for `auscult rules --format html`."""

from __future__ import annotations

from auscult.finding import Json
from auscult.report.html._page import ReportPage
from auscult.report.sections.rules import RulesSection

ORDER = 5
TITLE = "Rules"
KEYS = ("rules",)


def content(page: ReportPage) -> Json | None:
    section = page.find(RulesSection)
    if section is None or not section.rules:
        return None
    return {"count": len(section.rules), "rows": section.rules}
