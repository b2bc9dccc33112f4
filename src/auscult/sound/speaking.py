"""How a voice speaks: how sharp its pulses are, how many syllables a second, where its spectrum
lies.

Source of the idea that lost phases show in the kurtosis of the prediction residual: the residual of
voiced speech is a train of pulses, which random phases spread over the period; see Gillespie,
Malvar & Florêncio, "Speech dereverberation via maximum-kurtosis subband adaptive filtering" (ICASSP
2001).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from auscult.facts.windows import make_symmetric_hann

Floats = NDArray[np.float32]

PREDICTION_ORDER = 16
"""Order of the linear prediction. Chosen, not measured."""
FRAME_SECONDS = 0.02
"""Length of the frames whose kurtosis is taken. Chosen, not measured."""
MAX_SECONDS = 12.0
"""More of a recording is not looked at for pulses. Chosen, not measured."""
ENVELOPE_SECONDS = 0.05
"""Length of the frames of the residual's envelope. Chosen, not measured."""
ENVELOPE_RATE = 8000
"""Hz to which the residual's envelope is thinned out. Chosen, not measured."""
SMOOTH_SECONDS = 0.0006
"""Width of the mean that smooths the residual's envelope. Chosen, not measured."""
PULSES_SECONDS = (0.0025, 0.015)
SYLLABLES_HZ = (1.0, 25.0)
SPECTRUM_HZ = 80.0
"""Lower edge of the spectrum whose centre is taken. Chosen, not measured."""
TINY = 1e-20
"""A least value where a power of zero would be divided by. Chosen, not measured."""


@dataclass(frozen=True)
class SpeakingMeasures:
    """How a voice speaks.

    Attributes:
        sharpness: Median kurtosis of 20 ms frames of the prediction residual: 3 for Gaussian noise
            and for lost phases, 3.3 to 7 for speech.
        syllables_hz: Centre (geometric) of the envelope's spectrum between 1 and 25 Hz: 3.4 to 6.6
            for speech.
        centroid_hz: Centre (geometric) of the mean magnitude spectrum above 80 Hz: 800 to 1,800 for
            speech.
    """

    sharpness: float
    syllables_hz: float
    centroid_hz: float


def measure_sharpness(voice: Floats, sample_rate: int) -> float:
    """Median kurtosis of the residual's louder frames, of [time] samples; 0 where nothing sounds."""
    residual = compute_prediction_residual(voice[: int(MAX_SECONDS * sample_rate)])
    size = int(FRAME_SECONDS * sample_rate)
    frames = residual[: len(residual) // size * size].reshape(-1, size)
    square = np.square(frames)
    power = square.mean(axis=1, dtype=np.float64)
    if not len(power) or power.max() <= 0:
        return 0.0
    louder = power > np.percentile(power, 40)
    if not louder.any():
        return 0.0
    fourth = np.square(square[louder]).mean(axis=1, dtype=np.float64)
    return float(np.median(fourth / np.maximum(power[louder], TINY) ** 2))


def measure_periodicity(voice: Floats, sample_rate: int) -> float:
    """How regularly the residual's pulses come, in [time] samples: 0.65 or more for speech, 0.3 to
    0.6 where phases are lost.

    Highest value of the autocorrelation of the residual's magnitude, smoothed over 0.6 ms, at
    distances of 2.5 to 15 ms; median over the louder half of frames of 50 ms.
    """
    from scipy.fft import irfft, next_fast_len, rfft
    from scipy.ndimage import uniform_filter1d

    residual = np.abs(compute_prediction_residual(voice[: int(MAX_SECONDS * sample_rate)]))
    step = max(1, sample_rate // ENVELOPE_RATE)
    envelope = uniform_filter1d(residual, max(1, int(SMOOTH_SECONDS * sample_rate)))[::step]
    rate = sample_rate / step
    size, shortest, longest = (
        int(seconds * rate) for seconds in (ENVELOPE_SECONDS, *PULSES_SECONDS)
    )
    if len(envelope) < size:
        return 0.0
    frames = np.lib.stride_tricks.sliding_window_view(envelope, size)[:: size // 2]
    power = np.einsum("ft,ft->f", frames, frames)
    frames = frames[power > np.median(power)]
    if not len(frames):
        return 0.0
    length = next_fast_len(2 * size, real=True)
    spectrum = rfft(frames - frames.mean(axis=1, keepdims=True), length, axis=1)
    auto = irfft(np.square(spectrum.real) + np.square(spectrum.imag), length, axis=1)[:, :longest]
    auto = auto / np.maximum(auto[:, :1], TINY) / (1 - np.arange(longest) / size)
    return float(np.median(auto[:, shortest:].max(axis=1)))


def compute_prediction_residual(samples: Floats, order: int = PREDICTION_ORDER) -> Floats:
    """What one linear prediction over all of [time] samples leaves, [time]."""
    from scipy.linalg import solve_toeplitz
    from scipy.signal import lfilter

    count = len(samples)
    exact = samples.astype(np.float64)
    if count <= 2 * order or not exact.any():
        return np.zeros(count, np.float32)
    correlation = np.array([float(exact[: count - lag] @ exact[lag:]) for lag in range(order + 1)])
    correlation[0] *= 1 + 1e-6
    weights = solve_toeplitz(correlation[:-1], correlation[1:])
    return np.asarray(
        lfilter(np.concatenate([[1.0], -weights]).astype(np.float32), [1.0], samples), np.float32
    )


def measure_syllables_hz(level: Floats, frame_rate: float) -> float:
    """Centre of the spectrum of the envelope, from the energies of frames; 0 where nothing sounds."""
    envelope = np.sqrt(level.astype(np.float64))
    envelope -= envelope.mean()
    size = max(4096, len(envelope))
    power = np.abs(np.fft.rfft(envelope * make_symmetric_hann(len(envelope)), size)) ** 2
    hertz = np.fft.rfftfreq(size, 1.0 / frame_rate).astype(np.float64)
    return _find_log_centre(hertz, power, SYLLABLES_HZ)


def measure_centroid_hz(mean_power: NDArray[np.float64], hertz: Floats) -> float:
    """Centre of a mean power spectrum, weighted by magnitude; 0 where nothing sounds."""
    return _find_log_centre(
        hertz.astype(np.float64), np.sqrt(mean_power), (SPECTRUM_HZ, 0.9 * float(hertz[-1]))
    )


def _find_log_centre(
    hertz: NDArray[np.float64], weights: NDArray[np.float64], between: tuple[float, float]
) -> float:
    inside = (hertz > between[0]) & (hertz < between[1])
    total = float(weights[inside].sum())
    if total > 0:
        return float(np.exp((np.log(hertz[inside]) * weights[inside]).sum() / total))
    return 0.0
