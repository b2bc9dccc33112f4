"""GitHub annotations (workflow commands). GitHub shows ten of each kind a step, so the worst come first."""

from __future__ import annotations

from collections import Counter

from auscult.report._common import find_error_line
from auscult.report._where import format_places
from auscult.verdict import Report

MAX_PER_KIND = 10
KIND_BY_SEVERITY = {"error": "error", "warning": "warning", "info": "notice"}


def render(report: Report, *, color: bool = False, verbose: int = 0) -> str:  # noqa: ARG001
    """One workflow command per finding, at most ten of a kind, then how many more there are."""
    count_by_kind: Counter[str] = Counter()
    lines: list[str] = []
    error_line = find_error_line(report)
    if error_line is not None:
        lines.append(f"::error title=auscult {report.command}::{_escape_text(error_line)}")
    for finding in report.findings:
        kind = KIND_BY_SEVERITY[finding.severity.value]
        count_by_kind[kind] += 1
        if count_by_kind[kind] <= MAX_PER_KIND:
            places = format_places(finding.where) if finding.where else ""
            title = _escape_text(f"{finding.code} {finding.cause}", is_property=True)
            lines.append(
                f"::{kind} title={title}::{_escape_text(f'{places}: {finding.message}' if places else finding.message)}"
            )
    lines += [
        f"+{count - MAX_PER_KIND} more of kind {kind}"
        for kind, count in count_by_kind.items()
        if count > MAX_PER_KIND
    ]
    lines.append(f"auscult {report.command}: {report.verdict.value}")
    return "\n".join(lines)


def _escape_text(text: str, *, is_property: bool = False) -> str:
    text = text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
    if is_property:
        return text.replace(":", "%3A").replace(",", "%2C")
    return text
