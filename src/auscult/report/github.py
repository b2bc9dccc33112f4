"""GitHub annotations (workflow commands). GitHub shows ten of each kind a step, so the worst come first."""

from __future__ import annotations

from collections import Counter

from auscult.report._where import where_text
from auscult.verdict import Report

MAX_PER_KIND = 10
KINDS = {"error": "error", "warning": "warning", "info": "notice"}


def render(report: Report, *, color: bool = False, verbose: int = 0) -> str:  # noqa: ARG001
    """One workflow command per finding, at most ten of a kind, then how many more there are."""
    shown: Counter[str] = Counter()
    lines: list[str] = []
    for finding in report.findings:
        kind = KINDS[finding.severity.value]
        shown[kind] += 1
        if shown[kind] <= MAX_PER_KIND:
            places = where_text(finding.where) if finding.where else ""
            title = _escape(f"{finding.code} {finding.cause}", property_=True)
            lines.append(
                f"::{kind} title={title}::{_escape(f'{places}: {finding.message}' if places else finding.message)}"
            )
    lines += [
        f"+{count - MAX_PER_KIND} more of kind {kind}"
        for kind, count in shown.items()
        if count > MAX_PER_KIND
    ]
    lines.append(f"auscult {report.command}: {report.verdict.value}")
    return "\n".join(lines)


def _escape(text: str, *, property_: bool = False) -> str:
    text = text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
    return text.replace(":", "%3A").replace(",", "%2C") if property_ else text
