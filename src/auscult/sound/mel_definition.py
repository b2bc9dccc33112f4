"""The definition of a mel spectrogram: every choice written down."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
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
        win: Length of the (periodic) window; zero-padded on both sides to `n_fft`.
        n_mels: Number of bands.
        fmin, fmax: Edges of the lowest and highest band, in Hz.
        scale: `slaney` is linear below 1 kHz, `htk` is 2595·log10(1 + f/700) throughout.
        norm: `slaney` gives every band the same area, `none` the same peak.
        power: 1 for the magnitude, 2 for its square.
        log: Natural, base 10, decibels (10·log10 of a power, 20·log10 of a magnitude) or none.
        clip: The floor under the logarithm, in the units of the magnitude or power.
        padding: `hop` pads (n_fft - hop) / 2 samples at both ends, which gives one frame per full
            hop; `centre` pads n_fft / 2; `none` pads nothing.
        pad_mode: What is padded with.
        window: Shape of the window; `hann-symmetric` is the one whose last sample is zero too.
        floor: Whether `clip` is a least value or is added.
        inside_root: Added to the power before the root of a magnitude; HiFi-GAN and its kind add
            1e-9.
        reference: What 0 stands for after the logarithm: `one`, or the `max` of the whole
            spectrogram.
        range_db: How far below the loudest value of the whole spectrogram the others may lie; 0 for
            no limit.
        multiply, add: What the logarithm is multiplied by, and what is added then: Whisper's (x +
            4) / 4 is 0.25 and 1.
        filter_rate: The sample rate that the filters were made for, in Hz, where it is not that of
            the samples; else 0.
        pre_emphasis: `a` of x[n] - a x[n - 1], taken of the samples before anything else; 0 for none.
        framing: `kaldi` cuts frames of `win` samples, takes the mean off each, pre-emphasises within
            the frame, and puts the zeros up to `n_fft` behind it; `plain` does none of it.
        triangles: Whether the filters are straight in `hertz`, or in `mel` as Kaldi's.
        band_norm: What is done to each band over the whole recording in the end: nothing, its mean
            taken off, or divided by its standard deviation too (of N - 1 frames; `-biased`: of N).
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
    window: Literal[
        "hann", "hann-symmetric", "hamming", "hamming-symmetric", "povey", "rectangular"
    ] = "hann"
    floor: Literal["clip", "add"] = "clip"
    inside_root: float = 0.0
    reference: Literal["one", "max"] = "one"
    range_db: float = 0.0
    multiply: float = 1.0
    add: float = 0.0
    filter_rate: int = 0
    pre_emphasis: float = 0.0
    framing: Literal["plain", "kaldi"] = "plain"
    triangles: Literal["hertz", "mel"] = "hertz"
    band_norm: Literal["none", "mean", "mean-std", "mean-std-biased"] = "none"

    @classmethod
    def from_text(cls, settings: Mapping[str, str]) -> MelDefinition:
        """The definition of a checkpoint's config, whose values are text; what is not there keeps
        its default.

        Raises:
            AudioError: If there is a setting of another name, or a value of another type.
        """
        kinds = {name: type(getattr(cls(), name)) for name in cls.__dataclass_fields__}
        unknown = sorted(set(settings) - set(kinds))
        if unknown:
            raise AudioError(
                "unknown mel setting",
                found=", ".join(unknown),
                hint=f"the settings are {', '.join(kinds)}",
            )
        try:
            return cls(**{name: kinds[name](text) for name, text in settings.items()})
        except ValueError as error:
            raise AudioError("mel setting of another type", found=str(error)) from error

    def to_config(self) -> dict[str, Any]:
        return asdict(self)
