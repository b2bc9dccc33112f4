"""Mean absolute difference of log-mel spectrograms, in dB: what vocoders are trained on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from auscult.sound.figures import Figure, Pair
from auscult.sound.measures import log_mel_distance, standard_mel
from auscult.sound.mel import Frames, MelDefinition, Samples, decibel, mel_spectrogram

FLOOR_DB = 80.0
"""Below the reference's loudest band."""


def mel_pair(
    candidate: Samples, wanted: Samples, definition: MelDefinition
) -> tuple[Frames, Frames]:
    """Log-mels of both, floored `FLOOR_DB` below the reference's loudest value, [bands, frames]."""
    short = max(definition.n_fft - len(wanted), 0)
    mine, theirs = (
        mel_spectrogram(np.pad(side, (0, short)), replace(definition, clip=1e-9))
        for side in (candidate, wanted)
    )
    floor = theirs.max() - FLOOR_DB * decibel(definition)
    return np.maximum(mine, floor), np.maximum(theirs, floor)


def measure(pair: Pair) -> Iterator[Figure]:
    definition = standard_mel(pair.sample_rate)
    mine, theirs = mel_pair(pair.candidate, pair.wanted, definition)
    yield Figure(
        "mel_distance",
        log_mel_distance(mine, theirs) / decibel(definition),
        "dB",
        "lower",
        "spectrum",
    )
