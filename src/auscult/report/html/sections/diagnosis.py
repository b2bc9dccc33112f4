"""From what is heard to what makes it: the answer of a diagnosis before its findings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from auscult.finding import Json
from auscult.report.html._page import Page
from auscult.report.html._text import inline

ORDER = 8
TITLE = "Diagnosis"
KEYS = ("diagnosis",)


def content(page: Page) -> Json | None:
    found = page.report.extra.get("diagnosis")
    if not isinstance(found, Mapping):
        return None
    cause = found.get("cause")
    return {
        "count": None,
        "cause": _linked(page, cause) if cause else None,
        "message": next(
            (f.message for f in page.report.findings[1:] if cause and f.cause == cause["cause"]), ""
        ),
        "symptoms": [
            {**_linked(page, item), "why": item.get("explained")}
            for item in found.get("symptoms") or ()
        ],
        "follows": [_linked(page, item) for item in found.get("follows") or ()],
        "others": [_linked(page, item) for item in found.get("others") or ()],
        "suspects": found.get("suspects") or (),
        "evidence": [_evidence(line) for line in found.get("evidence") or ()],
        "next": found.get("next"),
    }


def _linked(page: Page, item: Mapping[str, Any]) -> Json:
    """The name of a finding, with its number on the page where it is one."""
    places = (
        i
        for i, f in enumerate(page.report.findings)
        if (f.code, f.cause) == (item.get("code"), item.get("cause"))
    )
    return {"cause": item.get("cause"), "code": item.get("code"), "number": next(places, None)}


def _evidence(line: Mapping[str, Any]) -> Json:
    counted = {
        name: count
        for name, count in (line.get("coverage") or {}).items()
        if name not in ("unit", "total") and count
    }
    first = line.get("first_divergence")
    place = first if isinstance(first, str) or not first else first.get("a") or first.get("b")
    said = inline({name.replace("_", " "): count for name, count in counted.items()})
    return {
        "kind": line.get("kind"),
        "verdict": line.get("verdict"),
        "counted": said,
        "first": place,
    }
