"""What changed between two runs, as lines."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from auscult.report._style import Style
from auscult.verdict import Report

BEFORE = False
MAX_FIGURES = 20
MAX_NAMES = 12


def lines(report: Report, style: Style, verbose: int) -> Iterator[str]:
    """What changed between two reports."""
    yield ""
    yield from changes_lines(report.extra["changes"], style, verbose)


def changes_lines(changes: Mapping[str, Any], style: Style, verbose: int) -> Iterator[str]:
    """Verdicts, findings that are gone, new or changed, and the figures that differ."""
    before, after = changes["verdicts"]
    yield f"{before} both times" if before == after else f"{before} became {style(after, 'bold')}"
    for kind, color in (("new", "red"), ("gone", "green")):
        yield from (_line(kind, color, item, item["message"], style) for item in changes[kind])
    for item in changes["changed"]:
        yield _line(
            "changed", "red" if item["worse"] else "yellow", item, "; ".join(item["what"]), style
        )
    if changes["same"]:
        causes = list(dict.fromkeys(item["cause"] for item in changes["same"]))
        shown = causes if verbose > 0 else causes[:MAX_NAMES]
        more = f" +{len(causes) - len(shown)} more" if len(shown) < len(causes) else ""
        yield f"{style('same   ', 'dim')}  {', '.join(shown)}{more}"
    yield from _count_lines(changes, style)
    yield from figure_lines(changes["figures"], style, verbose)


def _line(kind: str, color: str, item: Mapping[str, Any], said: str, style: Style) -> str:
    return f"{style(kind.ljust(7), color)}  {style(item['code'], 'bold')} {item['severity']}  {item['cause']}: {said}"


def _count_lines(changes: Mapping[str, Any], style: Style) -> Iterator[str]:
    for part in ("mapping", "skips"):
        counts = [f"{len(rows)} {kind}" for kind, rows in changes[part].items() if rows]
        if counts:
            yield f"{style(part.ljust(7), 'dim')}  {', '.join(counts)}"


def figure_lines(rows: list[Mapping[str, Any]], style: Style, verbose: int) -> Iterator[str]:
    """`recordings[heard].mel_distance_db  27.68 -> 4.54  (better)`; those of known direction first."""
    if not rows:
        return
    yield ""
    ordered = sorted(rows, key=lambda row: {True: 0, False: 1, None: 2}[row["worse"]])
    shown = ordered if verbose > 0 else ordered[:MAX_FIGURES]
    width = min(60, max(len(row["path"]) for row in shown))
    for row in shown:
        said = {True: style("worse", "red"), False: style("better", "green"), None: ""}[
            row["worse"]
        ]
        yield f"{row['path'].ljust(width)}  {number_text(row['before'])} -> {number_text(row['after'])}  {said}".rstrip()
    if len(shown) < len(rows):
        yield style(f"+{len(rows) - len(shown)} more figures; -v lists them", "dim")


def number_text(value: float | None) -> str:
    return "none" if value is None else f"{value:,}" if isinstance(value, int) else f"{value:.6g}"
