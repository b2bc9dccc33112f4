"""Mel spectrograms with every choice written down: numpy only.

Two mel spectrograms of one sound can differ in thirteen settings, and a vocoder trained on one of them sounds wrong when
it is fed another. `MelDefinition` names them all; nothing is left to a library's default.

Sources: Slaney's Auditory Toolbox (1998) and the HTK book for the two mel scales; jik876/hifi-gan `meldataset.py` for the
`hop` padding; librosa's documentation for the `slaney` area normalisation.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from auscult.errors import AudioError

Samples = NDArray[np.float32]
Frames = NDArray[np.float32]


@dataclass(frozen=True)
class MelDefinition:
    """Everything that decides the numbers of a mel spectrogram.

    Attributes:
        sample_rate: In Hz.
        n_fft: Length of the Fourier transform, in samples.
        hop: Samples from frame to frame.
        win: Length of the (periodic Hann) window; zero-padded on both sides to `n_fft`.
        n_mels: Number of bands.
        fmin, fmax: Edges of the lowest and highest band, in Hz.
        scale: `slaney` is linear below 1 kHz, `htk` is 2595·log10(1 + f/700) throughout.
        norm: `slaney` gives every band the same area, `none` the same peak.
        power: 1 for the magnitude, 2 for its square.
        log: Natural, base 10, decibels (10·log10 of a power, 20·log10 of a magnitude) or none.
        clip: The floor under the logarithm, in the units of the magnitude or power.
        padding: `hop` pads (n_fft - hop) / 2 samples at both ends, which gives one frame per full hop; `centre` pads n_fft / 2;
            `none` pads nothing.
        pad_mode: What is padded with.
    """

    sample_rate: int = 16000
    n_fft: int = 1024
    hop: int = 256
    win: int = 1024
    n_mels: int = 80
    fmin: float = 0.0
    fmax: float = 8000.0
    scale: Literal["slaney", "htk"] = "slaney"
    norm: Literal["slaney", "none"] = "slaney"
    power: Literal[1, 2] = 1
    log: Literal["ln", "log10", "db", "none"] = "ln"
    clip: float = 1e-5
    padding: Literal["hop", "centre", "none"] = "hop"
    pad_mode: Literal["reflect", "zero"] = "reflect"

    @classmethod
    def from_text(cls, settings: Mapping[str, str]) -> MelDefinition:
        """The definition of a checkpoint's config, whose values are text; what is not there keeps its default.

        Raises:
            AudioError: If there is a setting of another name, or a value of another type.
        """
        kinds = {name: type(getattr(cls(), name)) for name in cls.__dataclass_fields__}
        unknown = sorted(set(settings) - set(kinds))
        if unknown:
            raise AudioError("unknown mel setting", found=", ".join(unknown), hint=f"the settings are {', '.join(kinds)}")
        try:
            return cls(**{name: kinds[name](text) for name, text in settings.items()})
        except ValueError as error:
            raise AudioError("mel setting of another type", found=str(error)) from error

    def to_config(self) -> dict[str, Any]:
        return asdict(self)


def _to_mel(hertz: NDArray[np.float64], scale: str) -> NDArray[np.float64]:
    if scale == "htk":
        return np.asarray(2595.0 * np.log10(1.0 + hertz / 700.0))
    linear = hertz / (200.0 / 3.0)
    return np.where(hertz < 1000.0, linear, 15.0 + np.log(np.maximum(hertz, 1000.0) / 1000.0) / (np.log(6.4) / 27.0))


def _to_hertz(mel: NDArray[np.float64], scale: str) -> NDArray[np.float64]:
    if scale == "htk":
        return np.asarray(700.0 * (10.0 ** (mel / 2595.0) - 1.0))
    return np.where(mel < 15.0, mel * (200.0 / 3.0), 1000.0 * np.exp((np.maximum(mel, 15.0) - 15.0) * (np.log(6.4) / 27.0)))


@lru_cache(maxsize=16)
def mel_filterbank(definition: MelDefinition) -> Frames:
    """Triangular filters, [n_mels, n_fft // 2 + 1], float32."""
    d = definition
    ends = _to_mel(np.array([d.fmin, d.fmax]), d.scale)
    edges = _to_hertz(np.linspace(ends[0], ends[1], d.n_mels + 2), d.scale)
    bins = np.arange(d.n_fft // 2 + 1) * d.sample_rate / d.n_fft
    rising = (bins[None] - edges[:-2, None]) / np.diff(edges)[:-1, None]
    falling = (edges[2:, None] - bins[None]) / np.diff(edges)[1:, None]
    filters = np.maximum(0.0, np.minimum(rising, falling))
    if d.norm == "slaney":
        filters *= 2.0 / (edges[2:] - edges[:-2])[:, None]
    filters = filters.astype(np.float32)
    filters.setflags(write=False)
    return filters


def hann_window(definition: MelDefinition) -> Samples:
    """The periodic Hann window of `win` samples, in the middle of `n_fft` samples."""
    window = np.zeros(definition.n_fft, np.float32)
    start = (definition.n_fft - definition.win) // 2
    window[start : start + definition.win] = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(definition.win) / definition.win)
    return window


def padding_of(definition: MelDefinition) -> int:
    """Samples padded at each end."""
    return {"hop": (definition.n_fft - definition.hop) // 2, "centre": definition.n_fft // 2, "none": 0}[definition.padding]


def pad(samples: Samples, definition: MelDefinition) -> Samples:
    """The samples with the definition's padding at both ends.

    Raises:
        AudioError: If there are too few samples to reflect or to fill one frame.
    """
    side = padding_of(definition)
    shortest = max(side + 1 if definition.pad_mode == "reflect" else 1, definition.n_fft - 2 * side)
    if samples.ndim != 1 or len(samples) < shortest:
        raise AudioError(
            "is too short for a mel spectrogram", expected=f"one channel of at least {shortest} samples", found=samples.shape
        )
    return np.pad(samples, side, mode="reflect" if definition.pad_mode == "reflect" else "constant") if side else samples


def stft(samples: Samples, definition: MelDefinition) -> NDArray[np.complex64]:
    """Short-time spectrum, [n_fft // 2 + 1, frames], of [time] samples."""
    padded = pad(np.asarray(samples, np.float32), definition)
    frames = np.lib.stride_tricks.sliding_window_view(padded, definition.n_fft)[:: definition.hop]
    spectrum: NDArray[np.complex64] = np.fft.rfft(frames * hann_window(definition), axis=1).astype(np.complex64)
    return spectrum.T


def compress(mel: Frames, definition: MelDefinition) -> Frames:
    """The definition's floor and logarithm, applied to band magnitudes or powers."""
    if definition.log == "none":
        return mel
    floored = np.maximum(mel, definition.clip)
    if definition.log == "ln":
        return np.asarray(np.log(floored))
    return np.asarray(np.log10(floored) * (1.0 if definition.log == "log10" else 20.0 / definition.power))


def expand(mel: Frames, definition: MelDefinition) -> Frames:
    """Band magnitudes or powers from compressed ones: the inverse of `compress` above the floor."""
    if definition.log == "none":
        return mel
    if definition.log == "ln":
        return np.asarray(np.exp(mel))
    return np.asarray(10.0 ** (mel / (1.0 if definition.log == "log10" else 20.0 / definition.power)))


def decibel(definition: MelDefinition) -> float:
    """One dB in the unit of the definition's logarithm.

    Raises:
        AudioError: If there is no logarithm.
    """
    if definition.log == "none":
        raise AudioError("a mel without a logarithm has no decibels")
    per_neper = definition.power / 20.0
    return {"ln": per_neper * float(np.log(10.0)), "log10": per_neper, "db": 1.0}[definition.log]


def mel_spectrogram(samples: Samples, definition: MelDefinition) -> Frames:
    """The mel spectrogram of [time] samples: float32 [n_mels, frames]."""
    magnitude = np.abs(stft(samples, definition))
    bands = mel_filterbank(definition) @ (magnitude if definition.power == 1 else magnitude**2)
    return compress(bands, definition).astype(np.float32)
