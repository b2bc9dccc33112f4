"""The best SNR that a bit rate allows on given material: reverse water-filling on the spectra of
its frames.

Each frame of a recording is taken as a Gaussian source whose spectrum is known to the decoder for
free. Its cells then share one distortion level θ over all frames and frequencies (Cover and Thomas,
Elements of Information Theory, 10.3.3): rate = Σ max(0, ½ log2(S/θ)), distortion = Σ min(S, θ).
Several frame lengths are tried and the most favourable counts.

Assumptions: no bit is spent on the spectra, none on pauses, and rate moves freely from quiet frames
to loud ones; all of these favour the codec. Against it: cells are independent given the spectrum,
so that a codec which predicts more than a spectrum of 64 ms shows (exact repetitions, say) can pass
the figure. It says nothing of how good a codec sounds that does not aim at the waveform.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from auscult.errors import UsageError

FRAME_SECONDS = (0.016, 0.032, 0.064)
MAX_SNR_DB = 200.0
"""What is given for silence, which costs no bits."""

Samples = NDArray[np.floating]


def bound(recordings: Samples | Iterable[Samples], sample_rate: int, bitrate: float) -> float:
    """The highest SNR in dB for this material at `bitrate` bits a second.

    Args:
        recordings: One recording [time] or [..., time], or several; each channel costs its own
            bits.
        sample_rate: In Hz.
        bitrate: Bits a second for each recording, all channels together.

    Raises:
        UsageError: If there is no material, or the rates are not positive.
    """
    return float(compute_bound_curve(recordings, sample_rate, (bitrate,))[0])


def compute_bound_curve(
    recordings: Samples | Iterable[Samples], sample_rate: int, bitrates: Sequence[float]
) -> NDArray[np.float64]:
    """The bound in dB for each of several bit rates; the spectra are computed once."""
    channels, rows = _list_channels(recordings)
    if not channels or sample_rate <= 0 or min(bitrates) <= 0:
        raise UsageError("a bound needs recordings, a sample rate and a bit rate above zero")
    best = np.full(len(bitrates), -np.inf)
    seconds = sum(len(row) for row in channels) / rows / sample_rate
    for length in FRAME_SECONDS:
        size = 2 * max(8, round(length * sample_rate / 2))
        cells = np.concatenate([compute_spectra(row, size).ravel() for row in channels])
        snrs = [_compute_snr_db(cells, bitrate * seconds) for bitrate in bitrates]
        best = np.maximum(best, snrs)
    return best


def _list_channels(
    recordings: Samples | Iterable[Samples],
) -> tuple[list[NDArray[np.float64]], int]:
    """Every channel as [time], and how many share one bit rate."""
    if isinstance(recordings, np.ndarray) and recordings.ndim < 3:
        recording_list = [recordings]
    else:
        recording_list = list(recordings)
    arrays = [np.atleast_2d(np.asarray(item, np.float64)) for item in recording_list]
    rows: list[NDArray[np.float64]] = []
    for array in arrays:
        rows += [row for row in array.reshape(-1, array.shape[-1]) if len(row)]
    return rows, max((int(np.prod(array.shape[:-1])) for array in arrays), default=1)


def compute_spectra(samples: Samples, size: int) -> NDArray[np.float64]:
    """Power of the cells [frames, size // 2] of half-overlapping sine windows: as many cells as
    samples.

    Scaled so that the mean of the cells is the mean square of the samples.
    """
    hop = size // 2
    padded = np.pad(np.asarray(samples, np.float64), (hop, hop + (-len(samples)) % hop))
    frames = np.lib.stride_tricks.sliding_window_view(padded, size)[::hop]
    window = np.sin(np.pi * (np.arange(size) + 0.5) / size)
    power = np.abs(np.fft.rfft(frames * window, axis=1)) ** 2
    # DC and Nyquist are real: half a cell each, so together they are the first of size / 2 cells
    power[:, 0] = (power[:, 0] + power[:, -1]) / 2
    return power[:, :-1] * (2.0 / size)


def _compute_snr_db(cells: NDArray[np.float64], bits: float) -> float:
    """SNR at the water level that spends exactly `bits` on the cells."""
    ordered = np.sort(cells[cells > 0])[::-1]
    if not len(ordered):
        return MAX_SNR_DB
    logs = np.cumsum(np.log2(ordered))
    count = np.arange(1, len(ordered) + 1)
    # with the n largest cells above water the level is the one that spends all bits on them; it
    # must not pass the n-th cell
    levels = (logs - 2 * bits) / count
    count_above = int(np.flatnonzero(levels <= np.log2(ordered))[-1]) + 1
    level = 2.0 ** levels[count_above - 1]
    distortion = count_above * level + ordered[count_above:].sum()
    return float(min(10 * np.log10(ordered.sum() / distortion), MAX_SNR_DB))
