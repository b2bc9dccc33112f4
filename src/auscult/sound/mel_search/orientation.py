"""Which axis of an array is time, and whether it moves with the sound at all."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from auscult.errors import AudioError
from auscult.sound.mel_search import grid
from auscult.sound.mel_search.timing import FrameTiming, find_timing
from auscult.sound.recording import Recording

MelValues = NDArray[np.float64]

MIN_TIMING_CORRELATION = 0.45
"""Correlation of the mel's movement with the sound's, below which they do not belong together.

Measured on right mels: 0.75 and more. Margin: 0.3; another sound of the same rhythm may pass, and
is left unexplained by the search.
"""
MIN_FRAMES = 8
"""Frames below which nothing is searched. Chosen, not measured."""
MAX_FRAMES_A_SECOND = 1000
"""Frames a second above which an array is no mel of that sound. Chosen, not measured."""
MIN_PADDING_FRAMES = 8
"""As many equal frames at the end are padding. Chosen, not measured."""
MIN_MEDIAN_OF_LOG = 0.12
"""Of the range: values whose median is higher than this above the lowest are logarithms; magnitudes
are nearly all near zero.

Chosen, not measured.
"""


def drop_unit_axes(mel: NDArray[np.floating]) -> MelValues:
    """The mel without axes of length 1, as float64.

    Raises:
        AudioError: If that is not [bands, frames] of finite values.
    """
    values = np.asarray(mel, np.float64)
    while values.ndim > 2 and values.shape[0] == 1:
        values = values[0]
    if values.ndim == 3 and values.shape[2] == 1:
        values = values[:, :, 0]
    if values.ndim != 2 or min(values.shape) < 2:
        raise AudioError(
            "is no mel spectrogram", expected="[bands, frames]", found=list(np.shape(mel))
        )
    if not np.isfinite(values).all():
        raise AudioError(
            "the mel holds values that are not numbers", found=int((~np.isfinite(values)).sum())
        )
    return values


def drop_padding(mel: MelValues) -> MelValues:
    """[bands, frames] without the frames at the end that are all the same, as a mel padded to a
    fixed length has them.
    """
    equals_last = (mel == mel[:, -1:]).all(axis=0)
    if not equals_last.all():
        last = int(np.flatnonzero(~equals_last)[-1]) + 1
    else:
        last = mel.shape[1]
    if mel.shape[1] - last >= MIN_PADDING_FRAMES:
        return mel[:, :last]
    return mel


def orient_mel(recording: Recording, mel: MelValues) -> tuple[MelValues, bool, FrameTiming]:
    """The mel as [bands, frames]: the way round in which it moves with the sound."""
    possible_ways = [(mel, False), (mel.T, True)]
    likely_ways = [way for way in possible_ways if way[0].shape[0] in grid.BAND_COUNTS]
    orientations = []
    for values, transposed in likely_ways or possible_ways:
        if MIN_FRAMES <= drop_padding(values).shape[1] <= recording.seconds * MAX_FRAMES_A_SECOND:
            orientations.append(
                (values, transposed, find_timing(recording, _to_log_levels(drop_padding(values))))
            )
    if not orientations:
        raise AudioError(
            "the mel has too few frames to search with, or more than the sound has room for",
            expected=f"{MIN_FRAMES} to {int(recording.seconds * MAX_FRAMES_A_SECOND)} frames",
            found=list(mel.shape),
        )
    best_orientation = max(orientations, key=lambda orientation: orientation[2].correlation)
    if best_orientation[2].correlation < MIN_TIMING_CORRELATION:
        frames = f"{recording.seconds:.2f} s against {best_orientation[0].shape[1]} frames"
        raise make_unrelated_error(
            f"a correlation of {best_orientation[2].correlation:.2f} at the best hop, {frames}"
        )
    return best_orientation


def make_unrelated_error(observation: str) -> AudioError:
    return AudioError(
        "the mel does not move with the sound",
        found=observation,
        hint="is it the mel of this very recording, from beginning to end?",
    )


def _to_log_levels(mel: MelValues) -> MelValues:
    if is_log_scaled(mel) or mel.min() < 0:
        return mel
    return np.asarray(np.log(np.maximum(mel, mel.max() * 1e-9 + 1e-300)))


def is_log_scaled(mel: MelValues) -> bool:
    """Whether values that are not negative are logarithms all the same: magnitudes are nearly all
    near zero.
    """
    return bool(np.median(mel - mel.min()) > MIN_MEDIAN_OF_LOG * np.ptp(mel))
