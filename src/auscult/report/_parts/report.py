"""What changed between two runs, as lines."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from auscult.report._parts import VerbPart, show_nothing
from auscult.report._style import Style
from auscult.report.sections import find_section
from auscult.report.sections.report import ChangesSection
from auscult.verdict import Report

MAX_FIGURES = 20
MAX_CAUSES = 12


def iter_change_lines(changes: Mapping[str, Any], style: Style, verbose: int) -> Iterator[str]:
    """Verdicts, findings that are gone, new or changed, and the figures that differ."""
    before, after = changes["verdicts"]
    yield f"{before} both times" if before == after else f"{before} became {style(after, 'bold')}"
    for kind, color in (("new", "red"), ("gone", "green")):
        yield from (
            _format_change(kind, color, item, item["message"], style) for item in changes[kind]
        )
    for item in changes["changed"]:
        yield _format_change(
            "changed", "red" if item["worse"] else "yellow", item, "; ".join(item["what"]), style
        )
    if changes["same"]:
        causes = list(dict.fromkeys(item["cause"] for item in changes["same"]))
        shown = causes if verbose > 0 else causes[:MAX_CAUSES]
        if len(shown) < len(causes):
            more_note = f" +{len(causes) - len(shown)} more"
        else:
            more_note = ""
        yield f"{style('same   ', 'dim')}  {', '.join(shown)}{more_note}"
    yield from _iter_count_lines(changes, style)
    yield from iter_changed_figure_lines(changes["figures"], style, verbose)


def _format_change(
    kind: str, color: str, item: Mapping[str, Any], detail: str, style: Style
) -> str:
    severity = f"{item['severity']:7}"
    return f"{style(kind.ljust(7), color)}  {severity} {style(item['cause'], 'bold')} ({item['code']}): {detail}"


def _iter_count_lines(changes: Mapping[str, Any], style: Style) -> Iterator[str]:
    for part in ("mapping", "skips"):
        counts = [f"{len(rows)} {kind}" for kind, rows in changes[part].items() if rows]
        if counts:
            yield f"{style(part.ljust(7), 'dim')}  {', '.join(counts)}"


def iter_changed_figure_lines(
    rows: list[Mapping[str, Any]], style: Style, verbose: int
) -> Iterator[str]:
    """`recordings[heard].mel_distance_db  27.68 -> 4.54  (better)`; those of known direction first."""
    if not rows:
        return
    yield ""
    ordered = sorted(rows, key=lambda row: {True: 0, False: 1, None: 2}[row["worse"]])
    shown = ordered if verbose > 0 else ordered[:MAX_FIGURES]
    width = min(60, max(len(row["path"]) for row in shown))
    for row in shown:
        direction_text = {True: style("worse", "red"), False: style("better", "green"), None: ""}[
            row["worse"]
        ]
        yield f"{row['path'].ljust(width)}  {format_number(row['before'])} -> {format_number(row['after'])}  {direction_text}".rstrip()
    if len(shown) < len(rows):
        yield style(f"+{len(rows) - len(shown)} more figures; -v lists them", "dim")


def format_number(value: float | None) -> str:
    if value is None:
        return "none"
    return f"{value:,}" if isinstance(value, int) else f"{value:.6g}"


def show_after(report: Report, style: Style, verbose: int) -> Iterator[str]:
    """What changed between two reports."""
    section = find_section(report, ChangesSection)
    if section is not None:
        yield ""
        yield from iter_change_lines(section.changes, style, verbose)


PART = VerbPart(
    after=show_after,
    findings=show_nothing,
    joint=" against ",
    nothing_found="nothing is new or worse",
    next_shown=True,
)
