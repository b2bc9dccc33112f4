"""What was found, the one to act on first; each linked to its times and its tensors."""

from __future__ import annotations

from auscult.finding import Finding, Json
from auscult.report.html._page import ReportPage
from auscult.report.html._text import fold_patterns

ORDER = 20
TITLE = "Findings"
KEYS: tuple[str, ...] = ()

MAX_CHIPS = 6
"""Places and times shown before the reader asks for more."""
MAX_TIMES = 2000


def content(page: ReportPage) -> Json | None:
    report = page.report
    page.data["findings"] = [
        {
            "code": finding.code,
            "cause": finding.cause,
            "severity": finding.severity.value,
            "times": [list(span) for span in finding.times[:MAX_TIMES]],
            "where": page.names(finding.where),
        }
        for finding in report.findings
    ]
    if not report.findings:
        return None
    return {
        "count": len(report.findings),
        "items": [_build_item(finding, report.subjects) for finding in report.findings],
    }


def _build_item(finding: Finding, subjects: tuple[str, ...]) -> Json:
    if finding.where == subjects:
        places = []
    else:
        places = fold_patterns(finding.where)
    return {
        **finding.to_json(),
        "places": places[:MAX_CHIPS],
        "more_places": places[MAX_CHIPS:],
        "times": finding.times[:MAX_CHIPS],
        "more_times": finding.times[MAX_CHIPS:MAX_TIMES],
        "unlisted_times": max(0, len(finding.times) - MAX_TIMES),
    }
