"""Scale-invariant signal-to-distortion ratio (Le Roux et al., "SDR - half-baked or well done?",
2019), means taken off.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from auscult.sound.figures import Figure, SoundPair
from auscult.sound.figures.snr import MAX_DB
from auscult.sound.mel_definition import Samples


def si_sdr_db(candidate: Samples, reference: Samples) -> float:
    """Energy of the candidate's projection on the reference over that of the rest, in dB, within
    ±`MAX_DB`.
    """
    x, y = candidate.astype(np.float64), reference.astype(np.float64)
    x, y = x - x.mean(), y - y.mean()
    projection = (x @ y) / max(float(y @ y), 1e-30) * y
    residual = x - projection
    ratio = float(projection @ projection) / max(float(residual @ residual), 1e-30)
    return float(np.clip(10.0 * np.log10(max(ratio, 1e-30)), -MAX_DB, MAX_DB))


def measure(pair: SoundPair) -> Iterator[Figure]:
    yield Figure("si_sdr", si_sdr_db(pair.candidate, pair.wanted), "dB", "higher", "waveform")
