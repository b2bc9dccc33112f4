"""What `train` reached, as lines."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from auscult.report._parts import VerbPart
from auscult.report._parts._sparkline import draw_sparkline
from auscult.report._style import Style
from auscult.report.sections import find_section
from auscult.report.sections.train import StudySection, TrainSection
from auscult.verdict import Report

MIN_CURVE_POINTS = 2
"""Validations that make a curve."""


def iter_training_lines(facts: Mapping[str, Any], style: Style) -> Iterator[str]:
    """Where the model is, and how good it is beside what can be had."""
    if "planned_steps" in facts:
        yield from _iter_curve_lines(facts, style)
        yield style(f"log: {facts['log']}", "dim")
        return
    held_out = facts["held_out"]
    if facts.get("flawed") or facts.get("copies"):
        yield (
            f"{facts['recordings']} recordings, {len(facts['flawed'])} of them flawed,"
            f" {len(facts['copies'])} copies of others"
        )
    yield f"{style('wrote', 'bold')} {facts['file']}  {facts['steps']} steps on {facts['seconds_of_speech'] / 60:.1f} minutes"
    if not held_out:
        return
    if facts["model"] == "vocoder":
        yield from _iter_vocoder_lines(facts)
        yield from _iter_curve_lines(facts, style)
        yield style(f"log: {facts['log']}", "dim")
        return
    yield (
        f"held out: SNR {held_out['snr']:.2f} dB of at most {facts['bound_db']:.1f} dB at {facts['kbit_per_second']:.1f} kbit/s, "
        f"RMS ratio {held_out['rms_ratio']:.3f}, correlation {held_out['correlation']:.3f}, DC {held_out['dc']:+.4f}"
    )
    perplexity_text = " ".join(f"{share:.0%}" for share in held_out["perplexity"])
    yield from _iter_curve_lines(facts, style)
    yield f"perplexity of the books: {perplexity_text}"
    yield style(f"log: {facts['log']}", "dim")


def _iter_vocoder_lines(facts: Mapping[str, Any]) -> Iterator[str]:
    """The vocoder's figures, and those of Griffin-Lim on the same mel: what no model is needed for."""
    for title, name in (("held out", "held_out"), ("Griffin-Lim on the same mel", "griffin_lim")):
        figures = facts[name]
        yield (
            f"{title}: STOI {figures['stoi']:.3f} (worst {figures['stoi_min']:.3f}), mel distance"
            f" {figures['mel_l1']:.3f}, RMS ratio {figures['rms_ratio']:.3f},"
            f" {figures['comb']:.0%} on the comb of the frames"
        )


def _iter_curve_lines(facts: Mapping[str, Any], style: Style) -> Iterator[str]:
    """How SNR and mel distance went on the validation recordings."""
    curve = facts.get("curve", ())
    if len(curve) < MIN_CURVE_POINTS:
        return
    for title, name, unit in (("SNR", "snr", " dB"), ("mel distance", "mel_l1", "")):
        values = [row[name] for row in curve]
        yield (
            f"{style(title.ljust(12), 'bold')} {draw_sparkline(values)}  {values[0]:.2f} to"
            f" {values[-1]:.2f}{unit}, steps {curve[0]['step']:,} to {curve[-1]['step']:,}"
        )


def show_before(report: Report, style: Style, verbose: int) -> Iterator[str]:  # noqa: ARG001
    """What the training reached, or where the table of the study is."""
    trained = find_section(report, TrainSection)
    if trained is not None:
        yield from iter_training_lines(trained.training, style)
    studied = find_section(report, StudySection)
    if studied is not None:
        yield f"{style('wrote', 'bold')} {studied.study['file']}"


PART = VerbPart(before=show_before)
