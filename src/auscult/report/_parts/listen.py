"""The lines that only `listen` has: a recording as a small picture with its findings under it, or one line a file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from auscult.report._parts import VerbPart
from auscult.report._parts._figures import iter_figure_lines
from auscult.report._style import Style
from auscult.report.sections import find_section
from auscult.report.sections.listen import ListenSection
from auscult.verdict import Report

SHADES = " ·░▒▓█"
FINDING_MARK = "▲"
MAX_LISTED_FILES = 40
_SEVERITY_COLORS = {"error": "red", "warning": "yellow", "info": "cyan"}


def show_before(report: Report, style: Style, verbose: int) -> Iterator[str]:
    """A screen for one recording, a line for each of several."""
    section = find_section(report, ListenSection)
    if section is None:
        return
    rows = section.recordings
    if len(rows) == 1 and "outline" in rows[0]:
        yield ""
        yield from _iter_screen_lines(rows[0], style)
        if rows[0].get("figures"):
            yield ""
            yield from iter_figure_lines(rows[0]["figures"], style)
    elif len(rows) > 1:
        yield ""
        yield from _iter_file_lines(rows, style, verbose)


PART = VerbPart(before=show_before)


def _iter_screen_lines(row: Mapping[str, Any], style: Style) -> Iterator[str]:
    measures = row["measures"]
    channels = {1: "mono", 2: "stereo"}.get(row["channels"], f"{row['channels']} channels")
    yield f"{row['sample_rate']:,} Hz, {channels}, {_format_duration(row['seconds'])}, {row['format']}"
    peak, level = measures["peak_dbfs"], measures["rms_dbfs"]
    if (measures["cutoff_drop_db"] or 0) > 30:
        edge_note = f", spectrum up to {measures['cutoff_hz']:,.0f} Hz"
    else:
        edge_note = ""
    if peak is not None and level is not None:
        loudness = f"peak {peak:g} dBFS, rms {level:g} dBFS"
    else:
        loudness = "no sound"
    yield style(f"{loudness}, mean {measures['mean']:g}{edge_note}", "dim")
    yield ""
    yield from _iter_spectrogram_lines(row, style)


def _iter_spectrogram_lines(row: Mapping[str, Any], style: Style) -> Iterator[str]:
    """A coarse spectrogram, high frequencies above, and under it where each finding sits in time."""
    outline = row["outline"]
    lines: list[str] = outline["rows"]
    width = len(lines[0])
    for number, line in enumerate(lines):
        if number == 0:
            label = _format_frequency(outline["high_hz"])
        elif number == len(lines) - 1:
            label = _format_frequency(outline["low_hz"])
        else:
            label = ""
        cells = "".join(SHADES[round(int(digit) / 9 * (len(SHADES) - 1))] for digit in line)
        yield f"{label.rjust(8)} {style(cells, 'cyan')}"
    end_label = _format_duration(row["seconds"])
    yield f"{'':8} 0{end_label.rjust(width - 1)}"
    for cause in row["causes"]:
        if cause["times"]:
            marks = _mark_times(cause["times"], row["seconds"], width)
            yield f"{'':8} {style(marks, _SEVERITY_COLORS[cause['severity']])}  {cause['cause']}"


def _mark_times(times: list[list[float]], seconds: float, width: int) -> str:
    cells = [" "] * width
    for start, stop in times:
        first = min(int(start / seconds * width), width - 1)
        for cell in range(first, min(max(first + 1, round(stop / seconds * width)), width)):
            cells[cell] = FINDING_MARK
    return "".join(cells)


def _iter_file_lines(
    rows: Sequence[Mapping[str, Any]], style: Style, verbose: int
) -> Iterator[str]:
    """Files with findings first, then the others, cut after `MAX_FILES`."""
    order = {"error": 0, "warning": 1, "info": 2}
    ranked = sorted(
        rows,
        key=lambda row: min(
            (order[listed_cause["severity"]] for listed_cause in row["causes"]), default=3
        ),
    )
    shown = ranked if verbose else ranked[:MAX_LISTED_FILES]
    for row in shown:
        causes = ", ".join(
            style(cause["cause"], _SEVERITY_COLORS[cause["severity"]]) for cause in row["causes"]
        )
        if "seconds" in row:
            facts_text = f"{_format_duration(row['seconds'])}, {row['sample_rate']:,} Hz"
        else:
            facts_text = ""
        yield f"{row['file']}  {style(facts_text, 'dim')}  {causes or 'nothing found'}"
    if len(shown) < len(ranked):
        yield style(f"+{len(ranked) - len(shown)} more files; -v lists them", "dim")


def _format_duration(seconds: float) -> str:
    """`4.20 s`, `3:05`, `1:00:00`."""
    if seconds < 60:
        return f"{seconds:.2f} s"
    minutes, remaining_seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours}:{minutes:02}:{remaining_seconds:02}"
    return f"{minutes}:{remaining_seconds:02}"


def _format_frequency(value: float) -> str:
    if value >= 1000:
        return f"{value / 1000:.3g} kHz"
    return f"{value:.0f} Hz"
