"""Findings in at most two lines each: the whole diagnosis on one screen."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from textwrap import wrap

from auscult.finding import Finding
from auscult.report._style import Style

BRIEF_WIDTH = 100
MAX_BRIEF_LINES = 2


def limit_width(style: Style) -> int:
    """Letters in a row: what the terminal has, at most `BRIEF_WIDTH`."""
    return min(style.width or BRIEF_WIDTH, BRIEF_WIDTH)


def iter_brief_lines(findings: Sequence[Finding], style: Style) -> Iterator[str]:
    """At most `BRIEF_LINES` lines per finding, without its places: the whole diagnosis on one screen."""
    cause_width = max((len(finding.cause) for finding in findings), default=0)
    for finding in findings:
        color = {"error": "red", "warning": "yellow", "info": "cyan"}[finding.severity.value]
        lead_text = f"{finding.code} {finding.severity.value:7} {finding.cause:{cause_width}}  "
        text_width = limit_width(style) - len(lead_text)
        message_lines = wrap(
            finding.message,
            text_width,
            max_lines=MAX_BRIEF_LINES,
            placeholder=" …",
            break_on_hyphens=False,
        )
        yield f"{style(lead_text[:6], 'bold')} {style(lead_text[7:14], color)}{lead_text[14:]}{message_lines[0]}"
        yield from (" " * len(lead_text) + line for line in message_lines[1:])
