"""The standard figures of a recording against its reference, one file each, found by this folder.

A figure's module has `measure(pair)`, which yields figures. All are taken on the aligned pair: lag,
drift and a wrong sample rate are taken out first (`auscult.sound.relation`), else one sample of lag
would decide them. What a figure cannot be taken on is a figure without a value and with a reason,
never a guess.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Literal

import numpy as np

from auscult import plugins
from auscult.sound.mel_definition import Samples
from auscult.sound.recording import Recording

if TYPE_CHECKING:
    from auscult.sound.relation import Relation

Direction = Literal["higher", "lower", "zero"]
MIN_SECONDS = 0.1
"""Recordings that have less in common with their reference get no figures. Chosen, not measured."""


@dataclass(frozen=True)
class Figure:
    """One number.

    Attributes:
        name: Such as `si_sdr`.
        value: None where it could not be taken.
        unit: Empty for a plain number.
        better: Whether `higher` or `lower` is better, or nearer to `zero`.
        needs: What has to hold for it to mean something: `waveform` that phases agree (not so for a
            vocoder's output), `spectrum` that the two run in step.
        reason: Why there is no value.
        seconds: How much of the pair it is taken on.
    """

    name: str
    value: float | None
    unit: str
    better: Direction
    needs: Literal["waveform", "spectrum"]
    reason: str | None = None
    seconds: float = 0.0

    def to_json(self) -> dict[str, object]:
        return {
            "name": self.name,
            "value": None if self.value is None else round(self.value, 5),
            "unit": self.unit,
            "better": self.better,
            "needs": self.needs,
            "reason": self.reason,
            "seconds": round(self.seconds, 3),
        }


@dataclass(frozen=True, eq=False)
class SoundPair:
    """What figures are taken on.

    Attributes:
        recording, reference: Aligned, of one rate and length.
    """

    relation: Relation
    recording: Recording
    reference: Recording

    @property
    def sample_rate(self) -> int:
        return self.reference.sample_rate

    @cached_property
    def candidate(self) -> Samples:
        """The recording's one channel that stands for all, [time]."""
        from auscult.sound.relation import mix_down

        return mix_down(self.recording)

    @cached_property
    def wanted(self) -> Samples:
        """The same of the reference."""
        from auscult.sound.relation import mix_down

        return mix_down(self.reference)


def measure_figures(
    recording: Recording, reference: Recording, *, relation: Relation | None = None
) -> tuple[Figure, ...]:
    """Every figure, in the order of their files' names.

    Args:
        relation: How the two relate, where that is known already.

    Raises:
        AudioError: If one of them has no samples.
    """
    from auscult.sound.relation import relate_recordings

    relation = relation or relate_recordings(recording, reference)
    seconds = relation.aligned_reference.seconds
    pair = SoundPair(
        relation,
        *(
            _pad_short_recording(side)
            for side in (relation.aligned_recording, relation.aligned_reference)
        ),
    )
    figures: list[Figure] = []
    for module in plugins.import_modules(__name__):
        figures += _iter_figures(module, pair)
    return tuple(replace(figure, seconds=seconds) for figure in figures)


def _pad_short_recording(recording: Recording) -> Recording:
    """At least half a second, so that every figure can be taken and then be left out."""
    missing = max(int(MIN_SECONDS * recording.sample_rate) - recording.samples.shape[1], 0) * 5
    samples = np.pad(recording.samples, ((0, 0), (0, missing)))
    if missing:
        return Recording(samples, recording.sample_rate, recording.name)
    return recording


def _iter_figures(module: object, pair: SoundPair) -> Iterator[Figure]:
    measure = module.measure  # type: ignore[attr-defined]
    for figure in measure(pair):
        if not pair.wanted.any():
            yield replace(figure, value=None, reason="the reference is silent")
        elif pair.relation.aligned_reference.seconds < MIN_SECONDS:
            yield replace(figure, value=None, reason="less than 0.1 s in common")
        elif pair.relation.time_stretch != 1.0:
            yield replace(figure, value=None, reason="the recording is stretched in time")
        else:
            yield figure
