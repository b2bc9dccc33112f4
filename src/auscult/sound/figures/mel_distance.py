"""Mean absolute difference of log-mel spectrograms, in dB: what vocoders are trained on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from auscult.sound.figures import Figure, SoundPair
from auscult.sound.measures import log_mel_distance, standard_mel
from auscult.sound.mel import mel_spectrogram, mel_units_per_decibel
from auscult.sound.mel_definition import Frames, MelDefinition, Samples

FLOOR_DB = 80.0
"""Levels this far below the reference's loudest band count as that. Chosen, not measured."""


def compute_mel_pair(
    candidate: Samples, reference: Samples, definition: MelDefinition
) -> tuple[Frames, Frames]:
    """Log-mels of both, floored `FLOOR_DB` below the reference's loudest value, [bands, frames]."""
    missing_samples = max(definition.n_fft - len(reference), 0)
    candidate_mel, reference_mel = (
        mel_spectrogram(np.pad(side, (0, missing_samples)), replace(definition, clip=1e-9))
        for side in (candidate, reference)
    )
    floor = reference_mel.max() - FLOOR_DB * mel_units_per_decibel(definition)
    return np.maximum(candidate_mel, floor), np.maximum(reference_mel, floor)


def measure(pair: SoundPair) -> Iterator[Figure]:
    definition = standard_mel(pair.sample_rate)
    candidate_mel, reference_mel = compute_mel_pair(pair.candidate, pair.wanted, definition)
    yield Figure(
        "mel_distance",
        log_mel_distance(candidate_mel, reference_mel) / mel_units_per_decibel(definition),
        "dB",
        "lower",
        "spectrum",
    )
