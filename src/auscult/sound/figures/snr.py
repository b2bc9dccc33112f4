"""Signal-to-noise ratio: the reference's energy over that of the difference."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from auscult.sound.figures import Figure, SoundPair
from auscult.sound.mel_definition import Samples

MAX_DB = 150.0
"""What equal samples get; float32 gives no more. Chosen, not measured."""


def snr_db(candidate: Samples, reference: Samples) -> float:
    """10 log10 of the energies; `MAX_DB` for equal samples."""
    difference = candidate.astype(np.float64) - reference
    noise, signal = (
        float(difference @ difference),
        float(np.square(reference, dtype=np.float64).sum()),
    )
    if noise <= signal * 10.0 ** (-MAX_DB / 10.0):
        return MAX_DB
    return 10.0 * float(np.log10(max(signal, 1e-30) / noise))


def measure(pair: SoundPair) -> Iterator[Figure]:
    yield Figure("snr", snr_db(pair.candidate, pair.wanted), "dB", "higher", "waveform")
