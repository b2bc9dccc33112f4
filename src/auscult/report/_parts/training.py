"""What `train` reached, as lines."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from auscult.report._style import Style
from auscult.verdict import Report

BEFORE = True


def lines(report: Report, style: Style, verbose: int) -> Iterator[str]:  # noqa: ARG001
    """What the training reached."""
    yield from iter_training_lines(report.extra["training"], style)


def iter_training_lines(facts: Mapping[str, Any], style: Style) -> Iterator[str]:
    """Where the codec is, and how good it is beside what the bit rate allows."""
    held_out = facts["held_out"]
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
