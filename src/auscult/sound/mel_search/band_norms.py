"""Mels whose bands were normalised over the recording, each by itself: is it so, and what lies below?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import product

import numpy as np

from auscult.sound.mel_definition import MelDefinition, Samples
from auscult.sound.mel_search import grid
from auscult.sound.mel_search.bands import MelValues, predict_mel, with_settings
from auscult.sound.mel_search.compression import MelCompression
from auscult.sound.mel_search.readings import LOG_SLOPES, NICE_GAINS, SNAP_TOLERANCE
from auscult.sound.recording import Recording

MAX_MEAN_SHARE = 2e-3
"""Of the mel's deviation: the mean of each band up to which it was taken off; float16 leaves less.

Chosen, not measured.
"""
MAX_DEVIATION_OFF = 1e-4
"""Relative difference of the bands' deviations, medianly, from 1 up to which they were divided by it.

Chosen, not measured.
"""
MIN_CLEARLY_BETTER = 0.7
"""Of the residual of a more usual reading: another one is taken when it leaves less.

Chosen, not measured.
"""


def drop_last_equal_frames(mel: MelValues) -> MelValues:
    """[bands, frames] without the frames of zeros at its end, however few: NeMo fills up to a
    multiple of 16.
    """
    filled = np.flatnonzero((mel != 0).any(axis=0))
    return mel[:, : int(filled[-1]) + 1] if len(filled) else mel


def detect_band_norm(mel: MelValues) -> str:
    """What was done to each band by itself, in the words of `MelDefinition.band_norm`."""
    if np.abs(mel.mean(axis=1)).max() > MAX_MEAN_SHARE * float(mel.std()):
        return "none"
    off = {
        name: float(np.median(np.abs(mel.std(axis=1, ddof=ddof) - 1)))
        for name, ddof in (("mean-std", 1), ("mean-std-biased", 0))
    }
    name = min(off, key=lambda key: off[key])
    return name if off[name] <= MAX_DEVIATION_OFF + 0.5 / mel.shape[1] else "mean"


def find_normalised_compression(
    recording: Recording, mel: MelValues, shape: MelDefinition, band_norm: str
) -> MelCompression:
    """Floor, logarithm and gain below a normalisation of each band: the most usual that fit as well
    as any.
    """
    samples = recording.resample(shape.sample_rate).mono
    best: MelCompression | None = None
    for definition, gain in _iter_readings(with_settings(shape, band_norm=band_norm)):
        fit = _measure_fit(samples, mel, definition, gain)
        if best is None or fit.residual < MIN_CLEARLY_BETTER * best.residual:
            best = fit
    assert best is not None
    return best


def _iter_readings(shape: MelDefinition) -> Iterator[tuple[MelDefinition, float]]:
    """The definition as it is, then other floors and gains."""
    base = replace(shape, log="ln", multiply=1.0, add=0.0)
    yield base, 1.0
    floors = [(base.floor, base.clip), *product(("clip", "add"), grid.CLIPS)]
    for gain, mode, norm, (floor, clip) in product(
        (1.0, NICE_GAINS[0]), ("reflect", "zero"), ("slaney", "none"), floors
    ):
        is_idle_mode = mode != base.pad_mode and base.padding == "none"
        if not is_idle_mode:
            settings = {"pad_mode": mode, "norm": norm, "floor": floor, "clip": clip}
            yield with_settings(base, **settings), gain


def _measure_fit(
    samples: Samples, mel: MelValues, definition: MelDefinition, gain: float
) -> MelCompression:
    predicted = predict_mel(samples, definition, gain, mel.shape[1])
    common = min(predicted.shape[1], mel.shape[1])
    predicted, target = predicted[:, :common], mel[:, :common]
    if definition.band_norm == "mean":
        slope = float((predicted * target).sum() / max(float(np.square(predicted).sum()), 1e-30))
        definition = _name_slope(definition, slope)
        predicted = predicted * slope
    residual = float(np.sqrt(np.square(predicted - target).mean()))
    worst = float(np.abs(predicted - target).max())
    share = residual / max(float(target.std()), 1e-12)
    return MelCompression(definition, gain, residual, worst, share, common, is_per_band=False)


def _name_slope(definition: MelDefinition, slope: float) -> MelDefinition:
    """The logarithm that has this slope against the natural one, or a factor on that."""
    slopes = {**LOG_SLOPES, "db": 20.0 / definition.power / np.log(10.0)}
    for log, usual in slopes.items():
        if abs(slope / usual - 1) < SNAP_TOLERANCE:
            return with_settings(definition, log=log)
    return replace(definition, multiply=slope)
