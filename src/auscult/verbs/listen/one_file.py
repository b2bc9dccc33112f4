"""One file listened to, as plain data that a worker process can send back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from auscult import rules
from auscult.errors import AuscultError
from auscult.finding import Finding, Severity, Skip
from auscult.rules.sound.hearing import hear
from auscult.rules.sound.subject import SoundFacts, SoundSubject, UnreadableSubject
from auscult.sound.analysis import Analysis
from auscult.sound.bandwidth import spectral_edge
from auscult.sound.figures import figures
from auscult.sound.outline import Strip, digits, join, strip
from auscult.sound.recording import Recording, read_recording
from auscult.sound.stream import Header, blocks, read_header
from auscult.verbs.listen.blocks import BLOCK_SECONDS, Block, joined

LONGEST_WHOLE = 60.0
"""Seconds up to which a file is looked at in one piece."""
LONGEST_WITH_REFERENCE = 600.0
"""Seconds of a file that are held against a reference."""


@dataclass(frozen=True, eq=False)
class Heard:
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


def hear_file(path: str, reference: str | None = None, facts: SoundFacts | None = None) -> Heard:
    """Listen to one file; one that cannot be read is a finding."""
    facts = facts or SoundFacts()
    try:
        header = read_header(path)
        if reference is not None:
            return _with_reference(path, header, reference, facts)
        if header.seconds > LONGEST_WHOLE:
            return _in_blocks(path, header, facts)
        recording = read_recording(path)
        return _whole(recording, header, SoundSubject(recording, facts=facts))
    except AuscultError as error:
        findings, _ = rules.run_rules(UnreadableSubject(path, _reason(error)), "sound")
        return Heard(path, findings, recording={"file": path, "role": "heard"})


def hear_recording(
    recording: Recording, reference: Recording | None = None, facts: SoundFacts | None = None
) -> Heard:
    """Listen to a recording in memory."""
    header = Header(
        recording.sample_rate, len(recording.samples), recording.samples.shape[1], "memory", "FLOAT"
    )
    return _whole(
        recording, header, SoundSubject(recording, reference, facts=facts or SoundFacts())
    )


def _reason(error: AuscultError) -> str:
    return f"{error.what}: {error.found}" if error.found is not None else error.what


def _with_reference(path: str, header: Header, reference: str, facts: SoundFacts) -> Heard:
    recording, target = read_recording(path), read_recording(reference)
    skips: tuple[Skip, ...] = ()
    if max(recording.seconds, target.seconds) > LONGEST_WITH_REFERENCE:
        recording, target = (
            recording.cut(LONGEST_WITH_REFERENCE),
            target.cut(LONGEST_WITH_REFERENCE),
        )
        skips = (
            Skip(
                path,
                f"only the first {LONGEST_WITH_REFERENCE:.0f} s were held against the reference",
            ),
        )
    subject = SoundSubject(recording, target, facts=facts)
    heard = _whole(recording, header, subject)
    relation = subject.relation
    together = relation.is_related and relation.rate_ratio == 1.0 and relation.time_stretch == 1.0
    start = {"start": -round(relation.lag_seconds, 6)} if together and relation.lag_samples else {}
    return Heard(path, heard.findings, (*skips, *heard.skips), {**heard.recording, **start})


def _whole(recording: Recording, header: Header, subject: SoundSubject) -> Heard:
    findings, skips = hear(subject)
    block = _block(subject.analysis, 0.0, findings)
    facts = _facts_of(recording.name, header, [block], [strip(subject.analysis)])
    if subject.reference is not None:
        taken = figures(recording, subject.reference, relation=subject.relation)
        facts["figures"] = [figure.to_json() for figure in taken]
    return Heard(recording.name, findings, skips, facts)


def _in_blocks(path: str, header: Header, facts: SoundFacts) -> Heard:
    """Piece by piece: what is kept of a piece does not grow with its length."""
    pieces: list[Block] = []
    strips: list[Strip] = []
    skips: tuple[Skip, ...] = ()
    start = 0.0
    for recording in blocks(path, BLOCK_SECONDS):
        subject = SoundSubject(recording, facts=facts)
        findings, own = rules.run_rules(subject, "sound")
        skips = skips or own
        pieces.append(_block(subject.analysis, start, findings))
        strips.append(strip(subject.analysis, 8))
        start += recording.seconds
    return Heard(path, joined(path, pieces), skips, _facts_of(path, header, pieces, strips))


def _block(analysis: Analysis, start: float, findings: tuple[Finding, ...]) -> Block:
    edge = (
        spectral_edge(analysis.mean_power, analysis.sample_rate) if analysis.active.any() else None
    )
    return Block.of(analysis, start, findings, None if edge is None else (edge.hertz, edge.drop_db))


def _facts_of(
    path: str, header: Header, pieces: list[Block], strips: list[Strip]
) -> dict[str, Any]:
    """The recording in numbers, for the report."""
    frames = sum(piece.frames for piece in pieces)
    means = np.sum([piece.means * piece.frames for piece in pieces], axis=0) / frames
    square = sum(piece.rms**2 * piece.frames for piece in pieces) / frames
    peak = max(piece.peak for piece in pieces)
    loudest = max(pieces, key=lambda piece: piece.rms)
    picture = join(strips)
    return {
        "role": "heard",
        "file": path,
        "sample_rate": header.sample_rate,
        "channels": header.channels,
        "seconds": round(header.seconds, 4),
        "format": f"{header.format} {header.subtype}",
        "measures": {
            "peak_dbfs": _db(peak),
            "rms_dbfs": _db(float(np.sqrt(square))),
            "mean": float(f"{means[int(np.abs(means).argmax())]:.4g}"),
            "movement_db": round(loudest.movement_db, 2),
            "cutoff_hz": loudest.edge and round(loudest.edge[0], 1),
            "cutoff_drop_db": loudest.edge and round(loudest.edge[1], 1),
        },
        "outline": {"low_hz": 60.0, "high_hz": header.sample_rate / 2, "rows": digits(picture)},
    }


def _db(value: float) -> float | None:
    """In dBFS; None for nothing at all."""
    return round(20 * float(np.log10(value)), 1) if value > 0 else None
