"""What `train` reached, as lines."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from auscult.report._parts import VerbPart
from auscult.report._style import Style
from auscult.report.sections import find_section
from auscult.report.sections.train import StudySection, TrainSection
from auscult.verdict import Report


def iter_training_lines(facts: Mapping[str, Any], style: Style) -> Iterator[str]:
    """Where the codec is, and how good it is beside what the bit rate allows."""
    held_out = facts["held_out"]
    if facts.get("flawed") or facts.get("copies"):
        yield (
            f"{facts['recordings']} recordings, {len(facts['flawed'])} of them flawed,"
            f" {len(facts['copies'])} copies of others"
        )
    yield f"{style('wrote', 'bold')} {facts['file']}  {facts['steps']} steps on {facts['seconds_of_speech'] / 60:.1f} minutes"
    if not held_out:
        return
    yield (
        f"held out: SNR {held_out['snr']:.2f} dB of at most {facts['bound_db']:.1f} dB at {facts['kbit_per_second']:.1f} kbit/s, "
        f"RMS ratio {held_out['rms_ratio']:.3f}, correlation {held_out['correlation']:.3f}, DC {held_out['dc']:+.4f}"
    )
    perplexity_text = " ".join(f"{share:.0%}" for share in held_out["perplexity"])
    yield f"perplexity of the books: {perplexity_text}"
    yield style(f"log: {facts['log']}", "dim")


def show_before(report: Report, style: Style, verbose: int) -> Iterator[str]:  # noqa: ARG001
    """What the training reached, or where the table of the study is."""
    trained = find_section(report, TrainSection)
    if trained is not None:
        yield from iter_training_lines(trained.training, style)
    studied = find_section(report, StudySection)
    if studied is not None:
        yield f"{style('wrote', 'bold')} {studied.study['file']}"


PART = VerbPart(before=show_before)
