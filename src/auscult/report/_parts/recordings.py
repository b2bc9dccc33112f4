"""The recordings of a report: a screen or a table of `listen`, or one line each with the files that were written."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from auscult.report._listen import iter_listen_lines
from auscult.report._style import Style
from auscult.verdict import Report

BEFORE = True


def lines(report: Report, style: Style, verbose: int) -> Iterator[str]:
    """The pictures of `listen`; elsewhere how the recordings compare, and what was written."""
    if report.command == "listen":
        yield from iter_listen_lines(report.extra, style, verbose)
        return
    extra = report.extra
    yield ""
    if report.command == "demo":
        output_name = "wrong"
    else:
        output_name = "output"
    for item in extra["recordings"]:
        name = output_name if item["role"] == "heard" else item["role"]
        yield f"{style(f'{name:8}', 'bold')}  {_format_recording(item)}"
    files = [
        item["file"]
        for item in (*extra["recordings"], *extra.get("pictures", ()))
        if item.get("file")
    ]
    files += [extra["page"]] if extra.get("page") else []
    if files:
        yield f"{style('wrote', 'bold')}  {'  '.join(files)}"


def _format_recording(item: Mapping[str, Any]) -> str:
    parts = [f"{item['seconds']:.1f} s", f"the mel moves by {item['movement_db']:.1f} dB"]
    if item.get("comb_share") is not None:
        parts.append(f"{item['comb_share']:.0%} on the frame-rate comb")
    if item.get("mel_distance_db") is not None:
        parts.append(
            f"{item['mel_distance_db']:.1f} dB from the input's mel (correlation {item['mel_correlation']:.2f})"
        )
    return ", ".join(parts)
