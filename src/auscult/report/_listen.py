"""The lines that only `listen` has: a recording as a small picture with its findings under it, or one line a file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from auscult.report._figures import figure_rows
from auscult.report._style import Style

SHADES = " ·░▒▓█"
MARK = "▲"
MAX_FILES = 40
_COLOURS = {"error": "red", "warning": "yellow", "info": "cyan"}


def listen_lines(extra: Mapping[str, Any], style: Style, verbose: int) -> Iterator[str]:
    """A screen for one recording, a line for each of several."""
    rows = extra.get("recordings", [])
    if len(rows) == 1 and "outline" in rows[0]:
        yield ""
        yield from _screen(rows[0], style)
        if rows[0].get("figures"):
            yield ""
            yield from figure_rows(rows[0]["figures"], style)
    elif len(rows) > 1:
        yield ""
        yield from _table(rows, style, verbose)


def _screen(row: Mapping[str, Any], style: Style) -> Iterator[str]:
    measures = row["measures"]
    channels = {1: "mono", 2: "stereo"}.get(row["channels"], f"{row['channels']} channels")
    yield f"{row['sample_rate']:,} Hz, {channels}, {_clock(row['seconds'])}, {row['format']}"
    peak, level = measures["peak_dbfs"], measures["rms_dbfs"]
    edge = (
        f", spectrum up to {measures['cutoff_hz']:,.0f} Hz"
        if (measures["cutoff_drop_db"] or 0) > 30
        else ""
    )
    loudness = (
        f"peak {peak:g} dBFS, rms {level:g} dBFS"
        if peak is not None and level is not None
        else "no sound"
    )
    yield style(f"{loudness}, mean {measures['mean']:g}{edge}", "dim")
    yield ""
    yield from _picture(row, style)


def _picture(row: Mapping[str, Any], style: Style) -> Iterator[str]:
    """A coarse spectrogram, high frequencies above, and under it where each finding sits in time."""
    outline = row["outline"]
    lines: list[str] = outline["rows"]
    width = len(lines[0])
    for number, line in enumerate(lines):
        label = (
            _hertz(outline["high_hz"])
            if number == 0
            else _hertz(outline["low_hz"])
            if number == len(lines) - 1
            else ""
        )
        cells = "".join(SHADES[round(int(digit) / 9 * (len(SHADES) - 1))] for digit in line)
        yield f"{label.rjust(8)} {style(cells, 'cyan')}"
    end = _clock(row["seconds"])
    yield f"{'':8} 0{end.rjust(width - 1)}"
    for cause in row["causes"]:
        if cause["times"]:
            marks = _marks(cause["times"], row["seconds"], width)
            yield f"{'':8} {style(marks, _COLOURS[cause['severity']])}  {cause['cause']}"


def _marks(times: list[list[float]], seconds: float, width: int) -> str:
    cells = [" "] * width
    for start, stop in times:
        first = min(int(start / seconds * width), width - 1)
        for cell in range(first, min(max(first + 1, round(stop / seconds * width)), width)):
            cells[cell] = MARK
    return "".join(cells)


def _table(rows: list[Mapping[str, Any]], style: Style, verbose: int) -> Iterator[str]:
    """Files with findings first, then the others, cut after `MAX_FILES`."""
    order = {"error": 0, "warning": 1, "info": 2}
    ranked = sorted(
        rows, key=lambda row: min((order[c["severity"]] for c in row["causes"]), default=3)
    )
    shown = ranked if verbose else ranked[:MAX_FILES]
    for row in shown:
        causes = ", ".join(
            style(cause["cause"], _COLOURS[cause["severity"]]) for cause in row["causes"]
        )
        facts = f"{_clock(row['seconds'])}, {row['sample_rate']:,} Hz" if "seconds" in row else ""
        yield f"{row['file']}  {style(facts, 'dim')}  {causes or 'nothing found'}"
    if len(shown) < len(ranked):
        yield style(f"+{len(ranked) - len(shown)} more files; -v lists them", "dim")


def _clock(seconds: float) -> str:
    """`4.20 s`, `3:05`, `1:00:00`."""
    if seconds < 60:
        return f"{seconds:.2f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def _hertz(value: float) -> str:
    return f"{value / 1000:.3g} kHz" if value >= 1000 else f"{value:.0f} Hz"
