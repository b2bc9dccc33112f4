"""By how much one of two aligned recordings is louder than the other, in what they have in common."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from auscult.facts.windows import make_symmetric_hann
from auscult.sound.mel_definition import Samples

FRAME_SAMPLES = 2048
"""Samples of a frame of the transfer function. Chosen, not measured."""
MAX_FRAMES = 2000
"""Frames that are looked at, evenly spaced. Chosen, not measured."""


def measure_gain_db(candidate: Samples, reference: Samples, *, coherent: bool) -> float:
    """Level of the candidate above the reference, [time] samples of one length, in dB.

    Where the waveforms agree, the median of the transfer function from one to the other, over the
    frequencies weighted by the reference's power: noise and a narrower band hardly move it. Elsewhere
    the ratio of the powers: phases that are a vocoder's own smear lines into their neighbours and
    move a median by several dB.
    """
    size = min(FRAME_SAMPLES, len(reference))
    if size < 16:
        return 0.0
    x, y = (_compute_spectra(side, size) for side in (candidate, reference))
    reference_power, candidate_power = (np.square(np.abs(side)).sum(axis=0) for side in (y, x))
    if not reference_power.any() or not candidate_power.any():
        if reference_power.any():
            return -np.inf
        return 0.0
    if not coherent:
        return float(10.0 * np.log10(candidate_power.sum() / reference_power.sum()))
    has_power = reference_power > 0
    ratio = np.abs((x * np.conj(y)).sum(axis=0))[has_power] / reference_power[has_power]
    order = np.argsort(ratio)
    weights = np.cumsum(reference_power[has_power][order])
    return float(
        20.0 * np.log10(max(ratio[order][np.searchsorted(weights, weights[-1] / 2)], 1e-10))
    )


def _compute_spectra(samples: Samples, size: int) -> NDArray[np.complex128]:
    """Of up to `MAX_FRAMES` frames, [frames, bins], without what is left of a DC offset."""
    frames = np.lib.stride_tricks.sliding_window_view(samples, size)[:: size // 2]
    spectra = np.fft.rfft(
        (frames[:: max(1, len(frames) // MAX_FRAMES)] - samples.mean()) * make_symmetric_hann(size),
        axis=1,
    )
    spectra[:, :2] = 0.0
    return np.asarray(spectra)
