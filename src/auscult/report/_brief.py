"""Findings in at most two lines each: the whole diagnosis on one screen."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from textwrap import wrap

from auscult.finding import Finding
from auscult.report._style import Style

BRIEF_WIDTH = 100
BRIEF_LINES = 2


def brief_lines(findings: Sequence[Finding], style: Style) -> Iterator[str]:
    """At most `BRIEF_LINES` lines per finding, without its places: the whole diagnosis on one screen."""
    causes = max((len(finding.cause) for finding in findings), default=0)
    for finding in findings:
        color = {"error": "red", "warning": "yellow", "info": "cyan"}[finding.severity.value]
        lead = f"{finding.code} {finding.severity.value:7} {finding.cause:{causes}}  "
        room = BRIEF_WIDTH - len(lead)
        said = wrap(
            finding.message, room, max_lines=BRIEF_LINES, placeholder=" …", break_on_hyphens=False
        )
        yield f"{style(lead[:6], 'bold')} {style(lead[7:14], color)}{lead[14:]}{said[0]}"
        yield from (" " * len(lead) + line for line in said[1:])
