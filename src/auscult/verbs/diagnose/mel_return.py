"""The test that every vocoder carries with it: the mel of its sound must be the mel that went in."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from auscult.sound.mel import mel_spectrogram, mel_units_per_decibel
from auscult.sound.mel_definition import Frames
from auscult.sound.settle import Distances, frame_distances
from auscult.verbs.diagnose.family_build import FamilyBuild

AUDIBLE_DB = 60.0
"""Levels this far below the loudest point of the input count as silence; how deep a silence is
would outweigh the speech.
"""


class MelReturn:
    """How far the mel that a model's sound has is from the mel that the model was fed.

    Attributes:
        target: The mel that goes in, [bands, frames], with what is inaudible raised to one floor.
    """

    def __init__(self, family_build: FamilyBuild, frames: Frames) -> None:
        self._family_build, self._frames, self._floor = family_build, frames, -np.inf
        if family_build.mel.log != "none":
            audible = AUDIBLE_DB * mel_units_per_decibel(family_build.mel)
            self._floor = float(frames.max()) - audible
        self.target = np.maximum(frames, self._floor)

    def compute_distances(self, config: Any) -> Distances:
        """Of each frame, for the model under that config."""
        return self.compare_sound(self._family_build.render(config, self._frames))

    def compare_sound(self, samples: NDArray[np.float32]) -> Distances:
        """Of each frame, for samples [time]; infinitely far where they are no numbers."""
        mel = self._family_build.mel
        if not np.isfinite(samples).all() or len(samples) < mel.n_fft:
            return np.full(self.target.shape[1], np.inf)
        return frame_distances(np.maximum(mel_spectrogram(samples, mel), self._floor), self.target)
