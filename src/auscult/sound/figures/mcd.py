"""Mel-cepstral distortion (Kubichek, 1993), without the level: 10 / ln 10 * sqrt(2 * sum over 13
coefficients of the squares).

The cepstra are the cosine transform of 80 log-mel bands, as most papers of the last years take
them; SPTK's mel-generalised cepstra give other numbers. Frame against frame of the aligned pair: no
warping of time, which would hide a fault of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from auscult.sound.figures import Figure, SoundPair
from auscult.sound.figures.mel_distance import compute_mel_pair
from auscult.sound.measures import standard_mel
from auscult.sound.mel_definition import Samples

MEL_BANDS = 80
"""Mel bands that the cepstra are taken of. Chosen, not measured."""
COEFFICIENTS = 13
"""Coefficients that are compared; the first one, which is the level, is left out.

Chosen, not measured.
"""


def mel_cepstral_distortion_db(candidate: Samples, reference: Samples, sample_rate: int) -> float:
    """In dB, mean over the frames of [time] samples."""
    from scipy.fft import dct

    definition = replace(standard_mel(sample_rate), n_mels=MEL_BANDS)
    candidate_cepstra, reference_cepstra = (
        dct(mel.astype(np.float64), axis=0) / MEL_BANDS
        for mel in compute_mel_pair(candidate, reference, definition)
    )
    difference = (candidate_cepstra - reference_cepstra)[1 : COEFFICIENTS + 1]
    return float((10.0 / np.log(10.0) * np.sqrt(2.0 * np.square(difference).sum(axis=0))).mean())


def measure(pair: SoundPair) -> Iterator[Figure]:
    yield Figure(
        "mcd",
        mel_cepstral_distortion_db(pair.candidate, pair.wanted, pair.sample_rate),
        "dB",
        "lower",
        "spectrum",
    )
