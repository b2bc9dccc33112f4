"""What `run` made, as lines."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from auscult.report._style import Style
from auscult.verdict import Report

BEFORE = True
FULL_SCALE = 1.0


def lines(report: Report, style: Style, verbose: int) -> Iterator[str]:  # noqa: ARG001
    """The sound that was written."""
    yield from iter_run_lines(report.extra["run"], style)


def iter_run_lines(facts: Mapping[str, Any], style: Style) -> Iterator[str]:
    """Where the sound is, how long and how loud it is, and how it was made."""
    sound_text = f"{facts['seconds']:.2f} s, {facts['sample_rate']} Hz, {facts['channels']} channel{'s' * (facts['channels'] != 1)}"
    yield f"{style('wrote', 'bold')} {facts['file']}  {sound_text}, peak {facts['peak']:.3f}, {facts['rms_db']:.1f} dB rms"
    yield f"{', '.join(f'{name} {value}' for name, value in facts['settings'].items())}; {facts['took_seconds']:.1f} s"
    if facts["peak"] > FULL_SCALE:
        yield style(
            "its peak is above full scale: the file keeps it, a player cuts it off", "yellow"
        )
