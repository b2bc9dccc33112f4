"""Perceptual evaluation of speech quality (ITU-T P.862.2), by the pesq package: wide band at 16
kHz, narrow band below that rate.

It hears nothing above 8 kHz, and neither gain nor polarity.
"""

from __future__ import annotations

from collections.abc import Iterator

from auscult.sound.figures import Figure, SoundPair
from auscult.sound.recording import Recording

MAX_SECONDS = 60.0
"""The package is written for sentences; longer recordings are judged by their first minute.

Chosen, not measured.
"""


def measure(pair: SoundPair) -> Iterator[Figure]:
    is_wide_band = pair.sample_rate >= 16000
    name = "pesq" if is_wide_band else "pesq_narrow"
    try:
        from pesq import PesqError, pesq
    except ModuleNotFoundError:
        yield Figure(
            name, None, "MOS", "higher", "spectrum", "needs pesq and a C compiler: pip install pesq"
        )
        return
    rate = 16000 if is_wide_band else 8000
    candidate, reference = (
        Recording.from_mono(side, pair.sample_rate).cut(MAX_SECONDS).resample(rate).mono
        for side in (pair.candidate, pair.wanted)
    )
    try:
        value = float(pesq(rate, reference, candidate, "wb" if is_wide_band else "nb"))
    except PesqError as error:
        yield Figure(name, None, "MOS", "higher", "spectrum", f"pesq: {type(error).__name__}")
        return
    yield Figure(name, value, "MOS", "higher", "spectrum")
