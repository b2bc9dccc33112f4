"""How far apart the frames of a mel lie, and where the first one is, before anything else is known.

Groups of bands of the mel are set against levels of the sound every 2 ms in as many bands. Onsets
show in all bands, so it matters little that the bands are not the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from auscult.sound.mel import mel_spectrogram
from auscult.sound.mel_definition import MelDefinition
from auscult.sound.recording import Recording

BAND_GROUPS = 10
"""Groups of bands whose movement is compared with the sound's. Chosen, not measured."""
STEP_SECONDS = 0.002
"""Step of the envelopes that the frames are laid upon. Chosen, not measured."""
MAX_WINDOW_SECONDS = 0.1
"""The longest window that is reckoned with. Chosen, not measured."""
MAX_FRAMES = 240
"""Frames that are looked at. Chosen, not measured."""
MAX_LOST_FRAMES = 4
"""Frames that may have been left out at the end. Chosen, not measured."""


_LevelInputs = tuple[NDArray[np.float64], float, NDArray[np.float64]]
"""Levels of the sound, how many there are a second, and those of the mel, standardised."""


@dataclass(frozen=True)
class FrameTiming:
    """Where the frames lie.

    Attributes:
        hop_seconds: From frame to frame.
        first_seconds: The middle of the first.
        correlation: Of the mel with the sound's levels there, mean over the groups.
    """

    hop_seconds: float
    first_seconds: float
    correlation: float


def find_timing(recording: Recording, levels: NDArray[np.float64]) -> FrameTiming:
    """The best hop and start for mel levels [n_mels, frames]."""
    frames = levels.shape[1]
    frame_indices = np.unique(np.linspace(0, frames - 1, min(frames, MAX_FRAMES)).astype(int))
    mel_levels = _standardise_rows(
        np.array(
            [group.mean(axis=0) for group in np.array_split(levels[:, frame_indices], BAND_GROUPS)]
        )
    )
    sound_levels, rate = _measure_levels(recording)
    level_inputs = (sound_levels, rate, mel_levels)
    seconds = recording.seconds
    smallest = max(seconds - MAX_WINDOW_SECONDS, seconds * 0.7) / max(frames, 1)
    if frames > 2 * MAX_LOST_FRAMES:
        largest = seconds / max(frames - 1 - MAX_LOST_FRAMES, 1)
    else:
        largest = 2 * seconds / frames
    hops = np.arange(smallest, largest, smallest / frames / 3)[:400]
    best_timing = FrameTiming(seconds / frames, 0.0, -1.0)
    for hop in hops:
        for first in (0.0, hop / 2, *np.arange(0.006, MAX_WINDOW_SECONDS / 2, 0.004)):
            best_timing = max(
                best_timing,
                _measure_timing(level_inputs, frame_indices, hop, float(first)),
                key=lambda timing: timing.correlation,
            )
    for _ in range(2):
        near_timings = [
            _measure_timing(
                level_inputs,
                frame_indices,
                best_timing.hop_seconds + step * smallest / frames / 12,
                best_timing.first_seconds + shift,
            )
            for step, shift in product(range(-4, 5), (-0.002, 0.0, 0.002))
        ]
        best_timing = max([best_timing, *near_timings], key=lambda timing: timing.correlation)
    return best_timing


def _measure_levels(recording: Recording) -> tuple[NDArray[np.float64], float]:
    """Levels in `GROUPS` bands every `STEP_SECONDS`, and how many there are a second."""
    rate = recording.sample_rate
    hop = max(round(STEP_SECONDS * rate), 1)
    n_fft = 2 ** round(np.log2(rate * 0.04))
    definition = MelDefinition(
        sample_rate=rate,
        n_fft=n_fft,
        win=n_fft,
        hop=hop,
        n_mels=BAND_GROUPS,
        fmax=min(8000.0, rate / 2),
        padding="centre",
        clip=1e-7,
    )
    missing_samples = max(n_fft + 1 - recording.samples.shape[1], 0)
    mel = mel_spectrogram(np.pad(recording.mono, (0, missing_samples)), definition)
    return np.maximum(mel, mel.max() - 9.0).astype(np.float64), rate / hop


def _measure_timing(
    level_inputs: _LevelInputs, frame_indices: NDArray[np.intp], hop: float, first: float
) -> FrameTiming:
    sound_levels, rate, mel_levels = level_inputs
    places = np.clip(
        np.rint((first + frame_indices * hop) * rate).astype(int), 0, sound_levels.shape[1] - 1
    )
    sampled_levels = _standardise_rows(sound_levels[:, places])
    return FrameTiming(hop, first, float((sampled_levels * mel_levels).mean(axis=1).mean()))


def _standardise_rows(levels: NDArray[np.float64]) -> NDArray[np.float64]:
    """Each row with mean 0 and variance 1; a constant row becomes 0."""
    centred = levels - levels.mean(axis=1, keepdims=True)
    deviation = centred.std(axis=1, keepdims=True)
    return np.asarray(centred / np.where(deviation > 0, deviation, 1.0))
