"""From what is heard to what makes it: the answer of a diagnosis before its findings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from auscult.finding import Json
from auscult.report.html._page import ReportPage
from auscult.report.html._text import format_inline
from auscult.report.sections.diagnose import DiagnoseSection

ORDER = 8
TITLE = "Diagnosis"
KEYS = ("diagnosis",)


def content(page: ReportPage) -> Json | None:
    section = page.find(DiagnoseSection)
    if section is None:
        return None
    diagnosis = section.diagnosis
    cause = diagnosis.get("cause")
    return {
        "count": None,
        "cause": _link_finding(page, cause) if cause else None,
        "message": next(
            (
                finding.message
                for finding in page.report.findings[1:]
                if cause and finding.cause == cause["cause"]
            ),
            "",
        ),
        "symptoms": [
            {**_link_finding(page, item), "why": item.get("explained")}
            for item in diagnosis.get("symptoms") or ()
        ],
        "follows": [_link_finding(page, item) for item in diagnosis.get("follows") or ()],
        "others": [_link_finding(page, item) for item in diagnosis.get("others") or ()],
        "suspects": diagnosis.get("suspects") or (),
        "evidence": [_describe_evidence(line) for line in diagnosis.get("evidence") or ()],
        "next": diagnosis.get("next"),
    }


def _link_finding(page: ReportPage, item: Mapping[str, Any]) -> Json:
    """The name of a finding, with its number on the page where it is one."""
    finding_numbers = (
        number
        for number, finding in enumerate(page.report.findings)
        if (finding.code, finding.cause) == (item.get("code"), item.get("cause"))
    )
    return {
        "cause": item.get("cause"),
        "code": item.get("code"),
        "number": next(finding_numbers, None),
    }


def _describe_evidence(line: Mapping[str, Any]) -> Json:
    count_by_bucket = {
        name: count
        for name, count in (line.get("coverage") or {}).items()
        if name not in ("unit", "total") and count
    }
    first_divergence = line.get("first_divergence")
    if isinstance(first_divergence, str) or not first_divergence:
        place = first_divergence
    else:
        place = first_divergence.get("a") or first_divergence.get("b")
    counted_text = format_inline(
        {name.replace("_", " "): count for name, count in count_by_bucket.items()}
    )
    return {
        "kind": line.get("kind"),
        "verdict": line.get("verdict"),
        "counted": counted_text,
        "first": place,
    }
