"""How far one recording is from another, and what a recording is like, each measured with its unit."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from auscult.errors import AudioError
from auscult.sound.mel import Frames

NEPERS_TO_DB = 20.0 / np.log(10.0)


def log_mel_distance(a: Frames, b: Frames) -> float:
    """Mean absolute difference of two log-mel spectrograms [n_mels, frames], over the frames that both have.

    In the unit of the logarithm: for the natural logarithm of a magnitude, times `NEPERS_TO_DB` is dB.
    """
    if a.shape[0] != b.shape[0]:
        raise AudioError("mel spectrograms have different numbers of bands", expected=a.shape[0], found=b.shape[0])
    frames = min(a.shape[1], b.shape[1])
    if frames == 0:
        raise AudioError("mel spectrograms have no frames in common")
    return float(np.abs(a[:, :frames].astype(np.float64) - b[:, :frames]).mean())


def mel_correlation(a: Frames, b: Frames) -> float:
    """Pearson correlation of two log-mel spectrograms over the frames that both have; 0 where one is constant."""
    frames = min(a.shape[1], b.shape[1])
    x, y = (side[:, :frames].astype(np.float64).ravel() for side in (a, b))
    x, y = x - x.mean(), y - y.mean()
    scale = np.sqrt((x @ x) * (y @ y))
    return float(x @ y / scale) if scale > 0 else 0.0


def rms(samples: NDArray[np.float32]) -> float:
    """Root mean square about zero."""
    return float(np.sqrt(np.mean(np.square(samples, dtype=np.float64))))
