"""The pages of the rules, as lines."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from auscult.report._parts import VerbPart
from auscult.report._style import Style
from auscult.report.sections import find_section
from auscult.report.sections.rules import RulesSection
from auscult.verdict import Report


def show_rules(report: Report, style: Style, verbose: int) -> Iterator[str]:  # noqa: ARG001
    """One line per rule; the pages where one cause was asked for."""
    section = find_section(report, RulesSection)
    if section is not None:
        yield from iter_rule_lines(section.rules, style)


def iter_rule_lines(rows: Sequence[Mapping[str, Any]], style: Style) -> Iterator[str]:
    """One line per rule; the pages where one cause was asked for."""
    if len({row["cause"] for row in rows}) > 1:
        width = max(len(row["cause"]) for row in rows)
        yield from (
            f"{style(row['code'], 'bold')}  {row['cause'].ljust(width)}  {row['summary']}"
            for row in rows
        )
        return
    for index, row in enumerate(rows):
        yield from (("",) if index else ())
        yield f"{style(row['code'], 'bold')}  {row['cause']}"
        yield ""
        yield from row["page"].splitlines()


PART = VerbPart(whole=show_rules)
