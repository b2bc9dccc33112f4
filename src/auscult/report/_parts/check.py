"""The properties of a model on one screen, and the table of what rounding does to it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from auscult.report._parts import VerbPart
from auscult.report._style import Style
from auscult.report.sections import find_section
from auscult.report.sections.check import CheckSection
from auscult.verdict import Report

OUTCOME_STYLES = {"holds": ("green",), "broken": ("red", "bold"), "changed": ("yellow",)}
MAX_LAYERS = 5
"""Layers of a format in the table; -v lists all."""


def show_before(report: Report, style: Style, verbose: int) -> Iterator[str]:
    """A line for each property, then the table of precision."""
    section = find_section(report, CheckSection)
    if section is None:
        return
    width = max((len(str(row["property"])) for row in section.properties), default=0)
    for row in section.properties:
        yield from _iter_property_lines(row, width, style)
    if section.precision:
        yield ""
        yield from iter_precision_lines(section.precision, style, verbose)


def _iter_property_lines(row: Mapping[str, Any], width: int, style: Style) -> Iterator[str]:
    outcome = str(row["outcome"])
    word = style(outcome.ljust(8), *OUTCOME_STYLES.get(outcome, ("dim",)))
    says = list(row["says"])
    if outcome in ("broken", "changed"):
        says = ["see below"]  # the findings say it
    text = "; ".join(says) or "; ".join(row["skipped"])
    yield f"  {str(row['property']).ljust(width)}  {word}  {text}".rstrip()


def iter_precision_lines(
    rows: Sequence[Mapping[str, Any]], style: Style, verbose: int
) -> Iterator[str]:
    """For each format the error, and the layers that lose most."""
    yield style("weights rounded   error  layers to keep  those that lose most, each alone", "dim")
    for row in rows:
        layers = row["layers"] if verbose > 0 else row["layers"][:MAX_LAYERS]
        names = ", ".join(f"{layer['path']} {_format_error(layer['error'])}" for layer in layers)
        kept = f"{len(row['kept'])} of {len(row['layers'])}"
        yield f"{str(row['format']).ljust(15)} {_format_error(row['error']):>7}  {kept:<14}  {names}"


def _format_error(error: float | None) -> str:
    return "inf" if error is None else f"{error:.2g}"


PART = VerbPart(before=show_before, nothing_found="every property that was looked at holds")
