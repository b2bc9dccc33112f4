"""Mels in float64: from samples, or from the bands that a search has already."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from auscult.sound.mel import compress_mel, compute_magnitudes, mel_filterbank
from auscult.sound.mel_definition import MelDefinition, Samples

MelValues = NDArray[np.float64]


def predict_mel(
    samples: Samples, definition: MelDefinition, gain: float, frames: int | None = None
) -> MelValues:
    """The mel of samples times gain, [n_mels, frames], in float64 from float32 spectra."""
    d = definition
    scale = gain if d.power == 1 else gain * gain
    bands = (
        mel_filterbank(d)
        @ compute_magnitudes(samples, replace(d, inside_root=d.inside_root / gain**2))
    ).astype(np.float64) * scale
    if d.band_norm != "none":  # over the frames that there are
        bands = bands[:, :frames]
    return compress_to_float64(bands, d)[:, :frames]


def compress_bands(bands: MelValues, definition: MelDefinition, gain: float) -> MelValues:
    """The mel from bands of unit peak without a logarithm."""
    scale = gain if definition.power == 1 else gain * gain
    return compress_to_float64(bands * norm_factors(definition) * scale, definition)


def compress_to_float64(bands: Any, definition: MelDefinition) -> MelValues:
    """`compress_mel` in float64, which it takes as it does float32."""
    return np.asarray(compress_mel(bands, definition), np.float64)


def norm_factors(definition: MelDefinition) -> MelValues | float:
    """What the norm multiplies each band by, [n_mels, 1]."""
    if definition.norm == "none":
        return 1.0
    peaks = np.maximum(mel_filterbank(replace(definition, norm="none")).max(axis=1), 1e-30)
    return np.asarray(mel_filterbank(definition).max(axis=1) / peaks, np.float64)[:, None]


def with_settings(definition: MelDefinition, **settings: Any) -> MelDefinition:
    """`replace`, for values of which a type checker cannot know that they are among the choices."""
    return replace(definition, **settings)
