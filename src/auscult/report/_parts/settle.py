"""What the readings of a family gave: the settled choices, and the ranking."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from auscult.report._glossary import SIGMA_MEANING
from auscult.report._parts import VerbPart
from auscult.report._style import Style
from auscult.report.sections import find_section
from auscult.report.sections.settle import SettleSection
from auscult.verdict import Report


def iter_settlement_lines(
    settlement: Mapping[str, Any], style: Style, verbose: int
) -> Iterator[str]:
    if not settlement["works"]:
        yield style(
            "nothing is settled: no reading of the model gives the input's mel back", "yellow"
        )
    settled_choices = [choice for choice in settlement["choices"] if choice["settled"]]
    if settled_choices:
        settled_text = ", ".join(
            f"{settled_choice['field']} {format_value(settled_choice['value'])} ({settled_choice['sigmas']:.0f}σ)"
            for settled_choice in settled_choices
        )
        yield (
            f"{style('settled', 'green')} by {settlement['runs']} runs ({SIGMA_MEANING}): "
            f"{settled_text}"
        )
    if verbose > 0:
        rows = settlement["ranking"]
    else:
        rows = _shorten_ranking(settlement["ranking"])
    yield style("rank  mel distance  reading", "dim")
    for row in rows:
        if row["distance"] is None:
            distance = "not a number"
        else:
            distance = f"{row['distance']:.3f}"
        differences_text = ", ".join(
            f"{name} {format_value(value)}" for name, value in row["differs"].items()
        )
        if row["name"]:
            name = style(row["name"], "bold") + (": " if differences_text else "")
        else:
            name = ""
        yield f"{row['rank']:4d}  {distance:>12}  {name}{differences_text}"


def _shorten_ranking(ranking: list[Any]) -> list[Any]:
    """The first three, and every reading that has a name."""
    return [row for index, row in enumerate(ranking) if index < 3 or row["name"]]


def format_value(value: Any) -> str:
    """A choice's value for people."""
    if isinstance(value, list | tuple):
        return "/".join(map(str, value))
    if isinstance(value, bool):
        return {True: "yes", False: "no"}[value]
    return str(value)


def show_after(report: Report, style: Style, verbose: int) -> Iterator[str]:
    """The settlement, after the findings that rest on it."""
    section = find_section(report, SettleSection)
    if section is not None:
        yield ""
        yield from iter_settlement_lines(section.settlement, style, verbose)


PART = VerbPart(after=show_after)
