"""A finding in three lines: what, where, and what to do; the rest on request."""

from __future__ import annotations

from collections.abc import Iterator

from auscult.finding import Finding, Severity
from auscult.report._style import ELLIPSIS, Style
from auscult.report._values import format_value
from auscult.report._where import MAX_PATTERNS, format_places

MAX_MESSAGE_ROWS = 2
"""Rows of a terminal that a message may take; where it takes both, place and remedy share the third."""
INDENT = 8
_SEVERITY_STYLE = {
    Severity.ERROR: ("red",),
    Severity.WARNING: ("yellow",),
    Severity.INFO: ("cyan",),
}


def iter_finding_lines(finding: Finding, style: Style, verbose: int) -> Iterator[str]:
    """Severity, cause, code and message; then where; then the remedy. With -v also the evidence and code."""
    if verbose > 0:
        yield from _iter_all_lines(finding, style, verbose)
        return
    message_rows = _wrap_message(finding, style, MAX_MESSAGE_ROWS)
    yield from message_rows
    place = _format_place(finding, MAX_PATTERNS, MAX_PATTERNS)
    label, remedy, is_command = _describe_remedy(finding)
    if len(message_rows) == MAX_MESSAGE_ROWS and place and remedy:
        short_place = _format_place(finding, 1, 1)
        yield _shorten(f"{short_place}; ", label, remedy, style, is_command=is_command)
        return
    if place:
        yield _shorten("", "", place, style, is_command=False)
    if remedy:
        yield _shorten("", label, remedy, style, is_command=is_command)


def _iter_all_lines(finding: Finding, style: Style, verbose: int) -> Iterator[str]:
    """The finding with its evidence, its code and every remedy, nothing cut."""
    yield from _wrap_message(finding, style, None)
    place = _format_place(finding, None if verbose > 1 else MAX_PATTERNS, None)
    if place:
        yield from style.wrap_text(" " * INDENT + place, INDENT)
    for name, value in finding.evidence.items():
        yield from style.wrap_text(f"{' ' * INDENT}{name} = {format_value(value)}", INDENT + 4)
    if finding.fix:
        yield f"{' ' * INDENT}{style('fix', 'green')} ({finding.fix.safety}): {finding.fix.summary}"
        if finding.fix.code and finding.fix.code != finding.fix.summary:
            yield from (" " * (INDENT + 4) + line for line in finding.fix.code.splitlines())
    if finding.settled_by:
        yield f"{' ' * INDENT}{style('to settle it', 'green')}: {finding.settled_by}"


def _wrap_message(finding: Finding, style: Style, max_rows: int | None) -> list[str]:
    """`error   layout-conv1d (LAY001): ...` in rows, severity and code styled."""
    severity = f"{finding.severity.value:{INDENT}}"
    code = f"({finding.code})"
    if finding.confidence >= 0.995:
        confidence_note = ""
    else:
        confidence_note = f" (confidence {finding.confidence:.2f})"
    lead = f"{severity}{finding.cause} {code}"
    rows = style.wrap_text(f"{lead}: {finding.message}{confidence_note}", INDENT, max_rows)
    if rows[0].startswith(lead):
        styled_severity = style(severity, *_SEVERITY_STYLE[finding.severity])
        rows[0] = f"{styled_severity}{style(finding.cause, 'bold')} {code}{rows[0][len(lead) :]}"
    return rows


def _format_place(finding: Finding, max_patterns: int | None, max_times: int | None) -> str:
    """`heard.wav, at 0.100 to 0.350 s +2 more`; nothing where the finding is about the whole."""
    names = format_places(finding.where, max_patterns) if finding.where else ""
    shown = finding.times[:max_times]
    if not shown:
        return names
    times = ", ".join(f"{start:.3f} to {stop:.3f} s" for start, stop in shown)
    remaining_count = len(finding.times) - len(shown)
    more_note = f" +{remaining_count} more" if remaining_count else ""
    return f"{names}, at {times}{more_note}".removeprefix(", ")


def _describe_remedy(finding: Finding) -> tuple[str, str, bool]:
    """Label and text of what to do in one line, and whether it is a command, which is never cut."""
    if finding.fix:
        label = f"fix ({finding.fix.safety}): "
        return label, " ".join(finding.fix.summary.split()), False
    if finding.settled_by:
        return "to settle it: ", finding.settled_by, True
    return "", "", False


def _shorten(place: str, label: str, text: str, style: Style, *, is_command: bool) -> str:
    """One indented row, cut where the terminal ends; a row with a command is not."""
    row = f"{' ' * INDENT}{place}{label}{text}"
    if style.width is not None and len(row) > style.width and not is_command:
        row = row[: style.width - len(ELLIPSIS)].rstrip() + ELLIPSIS
    start = INDENT + len(place)
    end = start + len(label)
    if label and row[start:end] == label:
        return row[:start] + style(label, "green") + row[end:]
    return row
