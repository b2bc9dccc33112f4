"""What changed from one run to another."""

from __future__ import annotations

from auscult.finding import Json
from auscult.report.html._page import ReportPage
from auscult.report.html._text import fold_patterns
from auscult.report.sections.report import ChangesSection

ORDER = 15
TITLE = "Changes"
KEYS = ("changes",)

MAX_FIGURES = 1000
MAX_MAPPING = 500


def content(page: ReportPage) -> Json | None:
    section = page.find(ChangesSection)
    if section is None or not section.changes:
        return None
    changes = section.changes
    figures = sorted(changes["figures"], key=lambda row: {True: 0, False: 1, None: 2}[row["worse"]])
    findings = [
        {**item, "kind": kind, "places": fold_patterns(item["where"], 6)}
        for kind in ("new", "gone")
        for item in changes[kind]
    ]
    return {
        "count": len(changes["new"]) + len(changes["gone"]) + len(changes["changed"]),
        **changes,
        "findings": findings,
        "figures": figures[:MAX_FIGURES],
        "more_figures": max(0, len(figures) - MAX_FIGURES),
        "mapping_rows": [(kind, row) for kind, rows in changes["mapping"].items() for row in rows][
            :MAX_MAPPING
        ],
    }
