"""How far apart the frames of a mel lie, and where the first one is, before anything else is known.

Groups of bands of the mel are set against levels of the sound every 2 ms in as many bands. Onsets show in all bands, so it
matters little that the bands are not the same.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from auscult.sound.mel import MelDefinition, mel_spectrogram
from auscult.sound.recording import Recording

GROUPS = 10
STEP_SECONDS = 0.002
MAX_WINDOW_SECONDS = 0.1
MAX_FRAMES = 240
MAX_LOST_FRAMES = 4
"""Frames that may have been left out at the end."""


_Levels = tuple[NDArray[np.float64], float, NDArray[np.float64]]
"""Levels of the sound, how many there are a second, and those of the mel, standardised."""


@dataclass(frozen=True)
class Timing:
    """Where the frames lie.

    Attributes:
        hop_seconds: From frame to frame.
        first_seconds: The middle of the first.
        correlation: Of the mel with the sound's levels there, mean over the groups.
    """

    hop_seconds: float
    first_seconds: float
    correlation: float


def find_timing(recording: Recording, levels: NDArray[np.float64]) -> Timing:
    """The best hop and start for mel levels [n_mels, frames]."""
    frames = levels.shape[1]
    at = np.unique(np.linspace(0, frames - 1, min(frames, MAX_FRAMES)).astype(int))
    wanted = _standard(
        np.array([group.mean(axis=0) for group in np.array_split(levels[:, at], GROUPS)])
    )
    sound, rate = _levels(recording)
    given = (sound, rate, wanted)
    seconds = recording.seconds
    smallest = max(seconds - MAX_WINDOW_SECONDS, seconds * 0.7) / max(frames, 1)
    largest = (
        seconds / max(frames - 1 - MAX_LOST_FRAMES, 1)
        if frames > 2 * MAX_LOST_FRAMES
        else 2 * seconds / frames
    )
    hops = np.arange(smallest, largest, smallest / frames / 3)[:400]
    best = Timing(seconds / frames, 0.0, -1.0)
    for hop in hops:
        for first in (0.0, hop / 2, *np.arange(0.006, MAX_WINDOW_SECONDS / 2, 0.004)):
            best = max(
                best, _timing(given, at, hop, float(first)), key=lambda found: found.correlation
            )
    for _ in range(2):
        near = [
            _timing(
                given,
                at,
                best.hop_seconds + step * smallest / frames / 12,
                best.first_seconds + shift,
            )
            for step in range(-4, 5)
            for shift in (-0.002, 0.0, 0.002)
        ]
        best = max([best, *near], key=lambda found: found.correlation)
    return best


def _levels(recording: Recording) -> tuple[NDArray[np.float64], float]:
    """Levels in `GROUPS` bands every `STEP_SECONDS`, and how many there are a second."""
    rate = recording.sample_rate
    hop = max(round(STEP_SECONDS * rate), 1)
    n_fft = 2 ** round(np.log2(rate * 0.04))
    definition = MelDefinition(
        sample_rate=rate,
        n_fft=n_fft,
        win=n_fft,
        hop=hop,
        n_mels=GROUPS,
        fmax=min(8000.0, rate / 2),
        padding="centre",
        clip=1e-7,
    )
    short = max(n_fft + 1 - recording.samples.shape[1], 0)
    mel = mel_spectrogram(np.pad(recording.mono, (0, short)), definition)
    return np.maximum(mel, mel.max() - 9.0).astype(np.float64), rate / hop


def _timing(levels: _Levels, at: NDArray[np.intp], hop: float, first: float) -> Timing:
    sound, rate, wanted = levels
    places = np.clip(np.rint((first + at * hop) * rate).astype(int), 0, sound.shape[1] - 1)
    found = _standard(sound[:, places])
    return Timing(hop, first, float((found * wanted).mean(axis=1).mean()))


def _standard(levels: NDArray[np.float64]) -> NDArray[np.float64]:
    """Each row with mean 0 and variance 1; a constant row becomes 0."""
    centred = levels - levels.mean(axis=1, keepdims=True)
    deviation = centred.std(axis=1, keepdims=True)
    return np.asarray(centred / np.where(deviation > 0, deviation, 1.0))
