"""Mel spectrograms with every choice written down: numpy only.

Two mel spectrograms of one sound can differ in twenty settings, and a vocoder trained on one of
them sounds wrong when it is fed another. `MelDefinition` names them all; nothing is left to a
library's default.

Sources: Slaney's Auditory Toolbox (1998) and the HTK book for the two mel scales; jik876/hifi-gan
`meldataset.py` for the `hop` padding; librosa's documentation for the `slaney` area normalisation.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from auscult.errors import AudioError
from auscult.facts.windows import make_periodic_hann, make_symmetric_hann
from auscult.sound.mel_definition import Frames, MelDefinition, Samples

SLANEY_BREAK_HZ = 1000.0
"""Frequency up to which Slaney's mel scale is linear.

Defined by Slaney's Auditory Toolbox (1998).
"""
SLANEY_BREAK_MEL = 15.0
"""The same place in mel. Defined by Slaney's Auditory Toolbox (1998)."""


HAMMING_ALPHA = 0.54
"""Mean of Hamming's window. Defined by it."""
LEAST_DEVIATION = 1e-5
"""Standard deviation that a band is divided by at least. Defined by NeMo, which adds as much."""


def _hertz_to_mel(hertz: NDArray[np.float64], scale: str) -> NDArray[np.float64]:
    if scale == "htk":
        return np.asarray(2595.0 * np.log10(1.0 + hertz / 700.0))
    linear = hertz / (200.0 / 3.0)
    return np.where(
        hertz < SLANEY_BREAK_HZ,
        linear,
        SLANEY_BREAK_MEL
        + np.log(np.maximum(hertz, SLANEY_BREAK_HZ) / SLANEY_BREAK_HZ) / (np.log(6.4) / 27.0),
    )


def _mel_to_hertz(mel: NDArray[np.float64], scale: str) -> NDArray[np.float64]:
    if scale == "htk":
        return np.asarray(700.0 * (10.0 ** (mel / 2595.0) - 1.0))
    return np.where(
        mel < SLANEY_BREAK_MEL,
        mel * (200.0 / 3.0),
        SLANEY_BREAK_HZ
        * np.exp((np.maximum(mel, SLANEY_BREAK_MEL) - SLANEY_BREAK_MEL) * (np.log(6.4) / 27.0)),
    )


@lru_cache(maxsize=16)
def mel_filterbank(definition: MelDefinition) -> Frames:
    """Triangular filters, [n_mels, n_fft // 2 + 1], float32."""
    d = definition
    ends = _hertz_to_mel(np.array([d.fmin, d.fmax]), d.scale)
    edges = np.linspace(ends[0], ends[1], d.n_mels + 2)
    hertz_edges = _mel_to_hertz(edges, d.scale)
    bins = np.arange(d.n_fft // 2 + 1) * (d.filter_rate or d.sample_rate) / d.n_fft
    if d.triangles == "mel":
        bins = _hertz_to_mel(bins, d.scale)
    else:
        edges = hertz_edges
    rising = (bins[None] - edges[:-2, None]) / np.diff(edges)[:-1, None]
    falling = (edges[2:, None] - bins[None]) / np.diff(edges)[1:, None]
    filters = np.maximum(0.0, np.minimum(rising, falling))
    if d.norm == "slaney":
        filters *= 2.0 / (hertz_edges[2:] - hertz_edges[:-2])[:, None]
    filters = filters.astype(np.float32)
    filters.setflags(write=False)
    return filters


def build_window(definition: MelDefinition) -> Samples:
    """The definition's window of `win` samples (Hann unless it says otherwise), in the middle of
    `n_fft` samples; Kaldi's at their beginning.
    """
    window = np.zeros(definition.n_fft, np.float32)
    start = 0 if definition.framing == "kaldi" else (definition.n_fft - definition.win) // 2
    window[start : start + definition.win] = _compute_window_shape(
        definition.win, definition.window
    )
    return window


def _compute_window_shape(size: int, kind: str) -> NDArray[np.float64]:
    if kind == "rectangular":
        return np.ones(size)
    if kind == "hamming":
        return np.asarray(HAMMING_ALPHA + (1 - HAMMING_ALPHA) * (2 * make_periodic_hann(size) - 1))
    if kind == "hamming-symmetric":  # Kaldi's
        return np.asarray(HAMMING_ALPHA + (1 - HAMMING_ALPHA) * (2 * make_symmetric_hann(size) - 1))
    if kind == "povey":  # Kaldi's: a symmetric Hann to the power of 0.85
        return np.asarray(make_symmetric_hann(size) ** 0.85)
    if kind == "hann":
        return make_periodic_hann(size)
    return make_symmetric_hann(size)


def count_padding(definition: MelDefinition) -> int:
    """Samples padded at each end."""
    return {
        "hop": (definition.n_fft - definition.hop) // 2,
        "centre": definition.n_fft // 2,
        "none": 0,
    }[definition.padding]


def name_pad_mode(definition: MelDefinition) -> Literal["reflect", "constant"]:
    """The padding in numpy's and PyTorch's words."""
    if definition.pad_mode == "reflect":
        return "reflect"
    return "constant"


def pre_emphasise(samples: NDArray[np.floating], coefficient: float) -> NDArray[np.floating]:
    """x[n] - a x[n - 1] along the last axis; the first sample stays."""
    if not coefficient:
        return samples
    return np.concatenate(
        [samples[..., :1], samples[..., 1:] - coefficient * samples[..., :-1]], axis=-1
    )


def shape_frames(frames: NDArray[np.floating], definition: MelDefinition) -> NDArray[np.floating]:
    """Frames of `count_frame_samples` samples, [..., samples], as they are transformed: windowed, and
    what Kaldi does to each.
    """
    window = build_window(definition)
    if definition.framing == "plain":
        return np.asarray(frames * window)
    frames = frames - frames.mean(axis=-1, keepdims=True)
    coefficient = definition.pre_emphasis
    first = (1 - coefficient) * frames[..., :1]
    frames = np.concatenate([first, frames[..., 1:] - coefficient * frames[..., :-1]], axis=-1)
    return np.asarray(frames * window[: definition.win])


def count_frame_samples(definition: MelDefinition) -> int:
    """Samples that one frame takes from the sound."""
    if definition.framing == "kaldi":
        return definition.win
    return definition.n_fft


def pad_samples(samples: Samples, definition: MelDefinition) -> Samples:
    """The samples with the definition's padding at both ends.

    Raises:
        AudioError: If there are too few samples to reflect or to fill one frame.
    """
    side = count_padding(definition)
    shortest = max(
        side + 1 if definition.pad_mode == "reflect" else 1,
        count_frame_samples(definition) - 2 * side,
    )
    if samples.ndim != 1 or len(samples) < shortest:
        raise AudioError(
            "is too short for a mel spectrogram",
            expected=f"one channel of at least {shortest} samples",
            found=samples.shape,
        )
    if side:
        return np.pad(samples, side, mode=name_pad_mode(definition))
    return samples


def stft(samples: Samples, definition: MelDefinition) -> NDArray[np.complex64]:
    """Short-time spectrum, [n_fft // 2 + 1, frames], of [time] samples."""
    d = definition
    samples = np.asarray(samples, np.float32)
    if d.framing == "plain":
        samples = np.asarray(pre_emphasise(samples, d.pre_emphasis), np.float32)
    padded = pad_samples(samples, d)
    cut = np.lib.stride_tricks.sliding_window_view(padded, count_frame_samples(d))[:: d.hop]
    frames = shape_frames(cut, d)
    spectrum: NDArray[np.complex64] = np.fft.rfft(frames, d.n_fft, axis=1).astype(np.complex64)
    return spectrum.T


def compress_mel(mel: Frames, definition: MelDefinition) -> Frames:
    """The definition's floor, logarithm, range and normalisation, applied to band magnitudes or
    powers.
    """
    d = definition
    if d.log != "none":
        floored = np.maximum(mel, d.clip) if d.floor == "clip" else mel + d.clip
        if d.log == "ln":
            mel = np.asarray(np.log(floored))
        else:
            mel = np.asarray(np.log10(floored) * _count_units_per_decade(d))
        if d.reference == "max":
            mel = mel - mel.max()
        if d.range_db:
            mel = np.maximum(mel, mel.max() - d.range_db * log_units_per_decibel(d))
    if d.band_norm != "none":
        mel = mel - mel.mean(axis=1, keepdims=True)
    if d.band_norm.startswith("mean-std"):
        deviation = mel.std(axis=1, keepdims=True, ddof=int(d.band_norm == "mean-std"))
        mel = mel / np.maximum(deviation, LEAST_DEVIATION)
    if (d.multiply, d.add) == (1.0, 0.0):
        return mel
    return np.asarray(mel * d.multiply + d.add)


def expand_mel(mel: Frames, definition: MelDefinition) -> Frames:
    """Band magnitudes or powers from compressed ones: the inverse of `compress_mel` above the floor.

    Where `reference` is `max`, the loudest comes out as 1. What `band_norm` took off is lost.
    """
    d = definition
    if (d.multiply, d.add) != (1.0, 0.0):
        mel = np.asarray((mel - d.add) / d.multiply)
    if d.log == "none":
        return mel
    if d.log == "ln":
        bands = np.asarray(np.exp(mel))
    else:
        bands = np.asarray(10.0 ** (mel / _count_units_per_decade(d)))
    if d.floor == "add":
        return np.maximum(bands - d.clip, 0.0)
    return bands


def _count_units_per_decade(definition: MelDefinition) -> float:
    """What a factor of ten is in a logarithm to the base 10, or in decibels."""
    if definition.log == "log10":
        return 1.0
    return 20.0 / definition.power


def log_units_per_decibel(definition: MelDefinition) -> float:
    """One dB in the unit of the definition's logarithm, before it is multiplied.

    Raises:
        AudioError: If there is no logarithm.
    """
    if definition.log == "none":
        raise AudioError("a mel without a logarithm has no decibels")
    per_neper = definition.power / 20.0
    return {"ln": per_neper * float(np.log(10.0)), "log10": per_neper, "db": 1.0}[definition.log]


def mel_units_per_decibel(definition: MelDefinition) -> float:
    """One dB in the mel that `compress_mel` gives.

    Raises:
        AudioError: If there is no logarithm.
    """
    return log_units_per_decibel(definition) * definition.multiply


def compute_magnitudes(samples: Samples, definition: MelDefinition) -> Frames:
    """What the filters are applied to, [n_fft // 2 + 1, frames]: magnitudes or powers."""
    power = np.square(np.abs(stft(samples, definition)))
    if definition.power == 2:
        return power
    return np.sqrt(power + definition.inside_root)


def mel_spectrogram(samples: Samples, definition: MelDefinition) -> Frames:
    """The mel spectrogram of [time] samples: float32 [n_mels, frames]."""
    return compress_mel(
        mel_filterbank(definition) @ compute_magnitudes(samples, definition), definition
    ).astype(np.float32)
