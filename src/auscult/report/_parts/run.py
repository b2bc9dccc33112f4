"""What `run` made, as lines."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from auscult.report._parts import VerbPart
from auscult.report._style import Style
from auscult.report.sections import find_section
from auscult.report.sections.run import RunSection
from auscult.verdict import Report

FULL_SCALE = 1.0


def iter_run_lines(facts: Mapping[str, Any], style: Style) -> Iterator[str]:
    """Where the sound is, how long and how loud it is, and how it was made."""
    sound_text = f"{facts['seconds']:.2f} s, {facts['sample_rate']} Hz, {facts['channels']} channel{'s' * (facts['channels'] != 1)}"
    yield f"{style('wrote', 'bold')} {facts['file']}  {sound_text}, peak {facts['peak']:.3f}, {facts['rms_db']:.1f} dB rms"
    yield f"{', '.join(f'{name} {value}' for name, value in facts['settings'].items())}; {facts['took_seconds']:.1f} s"
    mel_return = facts.get("mel_return")
    if mel_return is not None and mel_return["distance"] is not None:
        yield (
            f"the mel that comes back is {mel_return['distance']:.2f} away from the one that went in;"
            f" a stationary sound of the same colour is {mel_return['stationary_distance']:.2f} away"
        )
    if facts["peak"] > FULL_SCALE:
        yield style(
            "its peak is above full scale: the file keeps it, a player cuts it off", "yellow"
        )


def show_before(report: Report, style: Style, verbose: int) -> Iterator[str]:  # noqa: ARG001
    """The sound that was written."""
    section = find_section(report, RunSection)
    if section is not None:
        yield from iter_run_lines(section.run, style)


PART = VerbPart(before=show_before)
