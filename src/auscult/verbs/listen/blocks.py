"""Findings of the pieces of a long recording, joined to findings of the whole."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from auscult.finding import Finding
from auscult.rules import every_rule
from auscult.rules.sound.hearing import CauseTrait, collect_traits, find_first_causes
from auscult.rules.sound.subject import SoundFacts, SoundSubject
from auscult.sound.analysis import SoundAnalysis
from auscult.sound.gaps import BLOCK_SECONDS as ENVELOPE_SECONDS
from auscult.sound.gaps import measure_envelope
from auscult.sound.recording import Recording

BLOCK_SECONDS = 30.0
MIN_MOSTLY_SHARE = 0.5
"""Share of the sounding pieces in which a cause has to show that speaks of most of the recording.
"""
MIN_RMS = 1e-5
MAX_SPANS = 50


@dataclass(frozen=True, eq=False)
class AudioBlock:
    """What is kept of a piece.

    Attributes:
        start: In seconds.
        peaks: Peak of every 10 ms.
        edge: Frequency and depth of the cliff in the spectrum.
    """

    start: float
    seconds: float
    frames: int
    findings: tuple[Finding, ...]
    peak: float
    rms: float
    means: NDArray[np.float64]
    movement_db: float
    peaks: NDArray[np.float32]
    edge: tuple[float, float] | None

    @classmethod
    def of(
        cls,
        analysis: SoundAnalysis,
        start: float,
        findings: tuple[Finding, ...],
        edge: tuple[float, float] | None,
    ) -> AudioBlock:
        """The piece that an analysis is of."""
        return cls(
            start,
            analysis.seconds,
            analysis.samples.shape[1],
            findings,
            analysis.peak,
            analysis.rms,
            analysis.means,
            analysis.movement_db,
            measure_envelope(analysis.voice, analysis.sample_rate),
            edge,
        )

    @property
    def is_sounding(self) -> bool:
        return self.rms > MIN_RMS


def make_thumbnail(path: str, pieces: Sequence[AudioBlock]) -> Recording:
    """Two samples for every 10 ms, the peak up and the peak down: what the silence at the ends is
    measured on.
    """
    peaks = np.concatenate([piece.peaks for piece in pieces])
    return Recording.from_mono(
        np.stack([peaks, -peaks], axis=1).reshape(-1), round(2 / ENVELOPE_SECONDS), path
    )


def check_thumbnail(recording: Recording, facts: SoundFacts) -> list[Finding]:
    """What the rules that speak of a recording as a whole, and need no reference, say of its
    thumbnail.
    """
    findings: list[Finding] = []
    for rule in every_rule("sound"):
        if rule.requires is SoundSubject and (
            rule.extent == "whole" and rule.evidence != "reference"
        ):
            findings += [
                outcome
                for outcome in rule.check(SoundSubject(recording, facts=facts))
                if isinstance(outcome, Finding)
            ]
    return findings


def join_findings(
    path: str, pieces: Sequence[AudioBlock], facts: SoundFacts
) -> tuple[Finding, ...]:
    """One finding per cause, at the times at which it shows."""
    rows_by_cause: dict[str, list[tuple[AudioBlock, Finding]]] = {}
    for piece in pieces:
        for finding in piece.findings:
            rows_by_cause.setdefault(finding.cause, []).append((piece, finding))
    joined_findings = [
        _join_cause_findings(rows, pieces)
        for cause, rows in rows_by_cause.items()
        if _is_widespread_enough(cause, rows, pieces)
    ]
    thumbnail_findings = check_thumbnail(make_thumbnail(path, pieces), facts)
    return find_first_causes([*joined_findings, *thumbnail_findings])


def _is_widespread_enough(
    cause: str, rows: Sequence[tuple[AudioBlock, Finding]], pieces: Sequence[AudioBlock]
) -> bool:
    extent = collect_traits().get(cause, CauseTrait()).extent
    if extent == "anywhere":
        return True
    if extent == "mostly":
        return len(rows) > MIN_MOSTLY_SHARE * sum(piece.is_sounding for piece in pieces)
    return extent == "always" and len(rows) == len(pieces)


def _join_cause_findings(
    rows: Sequence[tuple[AudioBlock, Finding]], pieces: Sequence[AudioBlock]
) -> Finding:
    """The surest of the findings of a cause, with the times of all."""
    surest = min((finding for _, finding in rows), key=lambda finding: finding.order)
    spans: list[tuple[float, float]] = []
    for piece, finding in rows:
        finding_spans = finding.times or ((0.0, piece.seconds),)
        spans += [(round(piece.start + a, 4), round(piece.start + b, 4)) for a, b in finding_spans]
    if len(rows) < len(pieces):
        part = f" (in {len(rows)} of {len(pieces)} parts of {BLOCK_SECONDS:.0f} s)"
    else:
        part = ""
    return replace(
        surest,
        message=f"{surest.message}{part}",
        evidence={**surest.evidence, "parts": len(rows), "of_parts": len(pieces)},
        times=tuple(_merge_spans(spans)[:MAX_SPANS]),
    )


def _merge_spans(spans: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Spans that touch become one."""
    merged_spans: list[tuple[float, float]] = []
    for start, stop in sorted(spans):
        if merged_spans and start <= merged_spans[-1][1] + 1e-3:
            merged_spans[-1] = (merged_spans[-1][0], max(stop, merged_spans[-1][1]))
        else:
            merged_spans.append((start, stop))
    return merged_spans
