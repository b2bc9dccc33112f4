"""From bands to the numbers of the mel: norm, logarithm, floor, reference, range and normalisation,
by regression.

Every reading of the line that the mel is over the logarithm of its bands is made again as a whole
mel; of those about as near as the nearest, the least far-fetched is the answer.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from auscult.sound.mel_definition import MelDefinition, Samples
from auscult.sound.mel_search.bands import MelValues, compress_bands, predict_mel, with_settings
from auscult.sound.mel_search.evidence import MIN_SHARE_OF_PEAK
from auscult.sound.mel_search.readings import (
    MIN_RESIDUAL,
    Mask,
    iter_linear_readings,
    iter_logarithmic_readings,
)
from auscult.sound.recording import Recording

MAX_READINGS = 200
"""Readings of a line that are made again as a whole mel. Chosen, not measured."""
MAX_RESIDUAL_FACTOR = 1.5
"""Factor on the residual up to which a simpler reading is preferred. Chosen, not measured."""
BAND_MARGIN_OVER_FLOOR = 0.3
"""Of a band's range: lower values are left out where bands are fitted one by one.

Chosen, not measured.
"""
MIN_SHARE_PER_BAND = 0.02
"""Residual over the mel's standard deviation below which no band is suspected to have been
normalised by itself.

Chosen, not measured.
"""
MAX_REMAINING_SHARE = 0.2
"""Of the residual: fits band by band have to leave less than this. Chosen, not measured."""


@dataclass(frozen=True, eq=False)
class MelCompression:
    """A whole definition, and how far its mel is from the one given.

    Attributes:
        gain: What the samples were multiplied by before; 1 where they were used as they are.
        residual: Root mean square of the difference, in the mel's own unit.
        worst: Greatest difference.
        residual_share: The residual over the mel's standard deviation.
        frames: Frames that the definition gives; those beyond the mel's were left out.
        is_per_band: Whether every band was normalised by itself, which no definition here can say.
    """

    definition: MelDefinition
    gain: float
    residual: float
    worst: float
    residual_share: float
    frames: int
    is_per_band: bool


def find_compression(
    recording: Recording, mel: MelValues, shape: MelDefinition, *, is_log: bool
) -> MelCompression:
    """Fit what lies between the bands of `shape` and the mel [n_mels, frames]."""
    samples = recording.resample(shape.sample_rate).mono
    fits = [
        _fit_compression(samples, mel, replace(shape, pad_mode=mode), is_log=is_log)
        for mode in ("reflect", "zero")
    ]
    return min(
        fits,
        key=lambda fit: (
            fit.residual if fit.worst == 0 else fit.residual * (1 + 1e-9) + 1e-3 * fit.worst
        ),
    )


def _fit_compression(
    samples: Samples, mel: MelValues, shape: MelDefinition, *, is_log: bool
) -> MelCompression:
    plain = replace(shape, norm="none", log="none", multiply=1.0, add=0.0)
    bands = predict_mel(samples, plain, 1.0)
    frames = bands.shape[1]
    common = min(frames, mel.shape[1])
    bands, target_mel = bands[:, :common], mel[:, :common]
    peak = float(np.abs(samples).max(initial=0.0))
    is_trusted = bands >= bands.max(axis=0, keepdims=True) * MIN_SHARE_OF_PEAK**plain.power
    line_inputs = (bands, target_mel, plain, peak)
    if is_log:
        readings = iter_logarithmic_readings(*line_inputs, is_trusted)
    else:
        readings = iter_linear_readings(*line_inputs)
    fits = [
        (
            cost,
            replace(
                _measure_fit(
                    _recompute_bands(samples, bands, definition, gain),
                    target_mel,
                    is_trusted,
                    definition,
                    gain,
                ),
                frames=frames,
            ),
        )
        for cost, definition, gain in sorted(readings, key=lambda reading: reading[0])[
            :MAX_READINGS
        ]
    ]
    tolerance = MAX_RESIDUAL_FACTOR * min(fit.residual for _, fit in fits) + MIN_RESIDUAL * float(
        np.ptp(target_mel)
    )
    best = next(fit for _, fit in fits if fit.residual <= tolerance)
    return replace(best, is_per_band=is_log and _is_per_band(bands, target_mel, best))


def _recompute_bands(
    samples: Samples, bands: MelValues, definition: MelDefinition, gain: float
) -> MelValues:
    """The bands, with what is added under the root as it weighs before that gain."""
    if gain == 1.0 or not definition.inside_root:
        return bands
    plain = with_settings(
        definition,
        norm="none",
        log="none",
        multiply=1.0,
        add=0.0,
        inside_root=definition.inside_root / gain**2,
    )
    return predict_mel(samples, plain, 1.0)[:, : bands.shape[1]]


def _measure_fit(
    bands: MelValues,
    target_mel: MelValues,
    is_trusted: Mask,
    definition: MelDefinition,
    gain: float,
) -> MelCompression:
    difference = compress_bands(bands, definition, gain) - target_mel
    is_floor = target_mel <= target_mel.min() + MIN_RESIDUAL * float(np.ptp(target_mel))
    difference = difference[is_trusted | is_floor]
    residual = float(np.sqrt(np.square(difference).mean()))
    share = residual / max(float(target_mel.std()), 1e-12)
    return MelCompression(
        definition, gain, residual, float(np.abs(difference).max()), share, 0, False
    )


def _is_per_band(bands: MelValues, target_mel: MelValues, best: MelCompression) -> bool:
    """Whether letting every band have its own offset and slope explains what is left."""
    level = np.log(np.maximum(bands, bands.max() * 1e-8))
    low = target_mel.min(axis=1, keepdims=True)
    is_clear = (
        target_mel > low + BAND_MARGIN_OVER_FLOOR * np.ptp(target_mel, axis=1)[:, None]
    ).astype(np.float64)
    count = np.maximum(is_clear.sum(axis=1, keepdims=True), 1.0)
    x = (level - (level * is_clear).sum(axis=1, keepdims=True) / count) * is_clear
    y = (target_mel - (target_mel * is_clear).sum(axis=1, keepdims=True) / count) * is_clear
    slope = (x * y).sum(axis=1, keepdims=True) / np.maximum(
        np.square(x).sum(axis=1, keepdims=True), 1e-12
    )
    remaining_residual = float(np.sqrt(np.square(y - slope * x).sum() / max(is_clear.sum(), 1.0)))
    return (
        best.residual_share > MIN_SHARE_PER_BAND
        and remaining_residual < MAX_REMAINING_SHARE * best.residual
    )
