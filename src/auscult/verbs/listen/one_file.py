"""One file listened to, as plain data that a worker process can send back."""

from __future__ import annotations

import traceback
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from auscult import rules
from auscult.errors import AuscultError
from auscult.finding import Finding, Severity, Skip
from auscult.rules.sound.hearing import run_sound_rules
from auscult.rules.sound.subject import (
    ContainerSubject,
    FailedSubject,
    SoundFacts,
    SoundSubject,
    UnreadableSubject,
)
from auscult.sound.analysis import SoundAnalysis
from auscult.sound.bandwidth import find_spectral_edge
from auscult.sound.figures import measure_figures
from auscult.sound.outline import SpectrumStrip, join_strips, make_strip, render_digits
from auscult.sound.recording import Recording, read_recording
from auscult.sound.stream import SoundHeader, iter_blocks, read_header
from auscult.verbs.listen.blocks import BLOCK_SECONDS, AudioBlock, join_findings

MAX_WHOLE_SECONDS = 60.0
"""Seconds up to which a file is looked at in one piece."""
MAX_REFERENCE_SECONDS = 600.0
"""Seconds of a file that are held against a reference."""


@dataclass(frozen=True, eq=False)
class ListenedFile:
    """What was heard in one file."""

    path: str
    findings: tuple[Finding, ...]
    skips: tuple[Skip, ...] = ()
    recording: Mapping[str, Any] = field(default_factory=dict)

    @property
    def worst(self) -> Severity | None:
        return min(
            (finding.severity for finding in self.findings),
            key=lambda severity: severity.rank,
            default=None,
        )


def hear_file(
    path: str, reference: str | None = None, facts: SoundFacts | None = None
) -> ListenedFile:
    """Listen to one file; one that cannot be read is a finding, and so is a header that is wrong."""
    listened_file = _hear_content(path, reference, facts or SoundFacts())
    if not Path(path).is_file():
        return listened_file
    findings, _ = rules.run_rules(ContainerSubject(path), "sound")
    return replace(listened_file, findings=(*listened_file.findings, *findings))


def _hear_content(path: str, reference: str | None, facts: SoundFacts) -> ListenedFile:
    try:
        header = read_header(path)
        if reference is not None:
            return _hear_with_reference(path, header, reference, facts)
        if header.seconds > MAX_WHOLE_SECONDS:
            return _hear_in_blocks(path, header, facts)
        recording = read_recording(path)
        return _hear_whole(recording, header, SoundSubject(recording, facts=facts))
    except AuscultError as error:
        findings, _ = rules.run_rules(UnreadableSubject(path, _describe_error(error)), "sound")
        return ListenedFile(path, findings, recording={"file": path, "role": "heard"})
    except Exception as error:  # noqa: BLE001 - one file must not end a folder; the finding says what it was
        findings, _ = rules.run_rules(_describe_failure(path, error), "sound")
        return ListenedFile(path, findings, recording={"file": path, "role": "heard"})


def _describe_failure(path: str, error: Exception) -> FailedSubject:
    """What stopped the listening, and where in the program."""
    frames = traceback.extract_tb(error.__traceback__)
    last = frames[-1]
    place = f"{Path(last.filename).name}:{last.lineno} in {last.name}"
    return FailedSubject(path, f"{type(error).__name__}: {error}", place)


def hear_recording(
    recording: Recording, reference: Recording | None = None, facts: SoundFacts | None = None
) -> ListenedFile:
    """Listen to a recording in memory."""
    header = SoundHeader(
        recording.sample_rate, len(recording.samples), recording.samples.shape[1], "memory", "FLOAT"
    )
    return _hear_whole(
        recording, header, SoundSubject(recording, reference, facts=facts or SoundFacts())
    )


def _describe_error(error: AuscultError) -> str:
    if error.found is not None:
        return f"{error.what}: {error.found}"
    return error.what


def _hear_with_reference(
    path: str, header: SoundHeader, reference: str, facts: SoundFacts
) -> ListenedFile:
    recording, target = read_recording(path), read_recording(reference)
    skips: tuple[Skip, ...] = ()
    if max(recording.seconds, target.seconds) > MAX_REFERENCE_SECONDS:
        recording, target = (
            recording.cut(MAX_REFERENCE_SECONDS),
            target.cut(MAX_REFERENCE_SECONDS),
        )
        skips = (
            Skip(
                path,
                f"only the first {MAX_REFERENCE_SECONDS:.0f} s were held against the reference",
            ),
        )
    subject = SoundSubject(recording, target, facts=facts)
    listened_file = _hear_whole(recording, header, subject)
    relation = subject.relation
    together = relation.is_related and relation.rate_ratio == 1.0 and relation.time_stretch == 1.0
    if together and relation.lag_samples:
        start = {"start": -round(relation.lag_seconds, 6)}
    else:
        start = {}
    return ListenedFile(
        path,
        listened_file.findings,
        (*skips, *listened_file.skips),
        {**listened_file.recording, **start},
    )


def _hear_whole(recording: Recording, header: SoundHeader, subject: SoundSubject) -> ListenedFile:
    findings, skips = run_sound_rules(subject)
    block = _make_block(subject.analysis, 0.0, findings)
    facts = _collect_facts(recording.name, header, [block], [make_strip(subject.analysis)])
    if subject.reference is not None:
        measured_figures = measure_figures(recording, subject.reference, relation=subject.relation)
        facts["figures"] = [figure.to_json() for figure in measured_figures]
    return ListenedFile(recording.name, findings, skips, facts)


def _hear_in_blocks(path: str, header: SoundHeader, facts: SoundFacts) -> ListenedFile:
    """Piece by piece: what is kept of a piece does not grow with its length."""
    pieces: list[AudioBlock] = []
    strips: list[SpectrumStrip] = []
    skips: tuple[Skip, ...] = ()
    start = 0.0
    for recording in iter_blocks(path, BLOCK_SECONDS):
        subject = SoundSubject(recording, facts=facts)
        findings, block_skips = rules.run_rules(subject, "sound")
        skips = skips or block_skips
        pieces.append(_make_block(subject.analysis, start, findings))
        strips.append(make_strip(subject.analysis, 8))
        start += recording.seconds
    return ListenedFile(
        path,
        join_findings(path, pieces, facts),
        skips,
        _collect_facts(path, header, pieces, strips),
    )


def _make_block(analysis: SoundAnalysis, start: float, findings: tuple[Finding, ...]) -> AudioBlock:
    if analysis.active_frames.any():
        edge = find_spectral_edge(analysis.mean_power, analysis.sample_rate)
    else:
        edge = None
    return AudioBlock.of(
        analysis, start, findings, None if edge is None else (edge.hertz, edge.drop_db)
    )


def _collect_facts(
    path: str, header: SoundHeader, pieces: list[AudioBlock], strips: list[SpectrumStrip]
) -> dict[str, Any]:
    """The recording in numbers, for the report."""
    frames = sum(piece.frames for piece in pieces)
    means = np.sum([piece.means * piece.frames for piece in pieces], axis=0) / frames
    square = sum(piece.rms**2 * piece.frames for piece in pieces) / frames
    peak = max(piece.peak for piece in pieces)
    loudest = max(pieces, key=lambda piece: piece.rms)
    picture = join_strips(strips)
    return {
        "role": "heard",
        "file": path,
        "sample_rate": header.sample_rate,
        "channels": header.channels,
        "seconds": round(header.seconds, 4),
        "format": f"{header.format} {header.subtype}",
        "measures": {
            "peak_dbfs": _to_decibels(peak),
            "rms_dbfs": _to_decibels(float(np.sqrt(square))),
            "mean": float(f"{means[int(np.abs(means).argmax())]:.4g}"),
            "movement_db": round(loudest.movement_db, 2),
            "cutoff_hz": loudest.edge and round(loudest.edge[0], 1),
            "cutoff_drop_db": loudest.edge and round(loudest.edge[1], 1),
        },
        "outline": {
            "low_hz": 60.0,
            "high_hz": header.sample_rate / 2,
            "rows": render_digits(picture),
        },
    }


def _to_decibels(value: float) -> float | None:
    """In dBFS; None for nothing at all."""
    if value > 0:
        return round(20 * float(np.log10(value)), 1)
    return None
