"""What a vocoder is to speak: a recording, a mel, or units."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from auscult.errors import UsageError
from auscult.families.vocoders import import_vocoder
from auscult.sound.mel import mel_spectrogram
from auscult.sound.mel_definition import Frames, MelDefinition
from auscult.sound.recording import Recording, read_recording
from auscult.verbs.diagnose.family_build import FamilyBuild
from auscult.verbs.diagnose.settle import MAX_SECONDS
from auscult.verbs.run.vocoder.inputs import check_units, read_mel, read_units


@dataclass(frozen=True, eq=False)
class VocoderSource:
    """What the vocoder is fed: one of the three.

    Attributes:
        units: Units [time] or codes [books, frames].
    """

    recording: Recording | None = None
    mel: Frames | None = None
    units: NDArray[np.int64] | None = None

    def compute_frames(self, definition: MelDefinition) -> Frames:
        """The mel [bands, frames] of that definition, or the one that was given."""
        if self.recording is None:
            assert self.mel is not None
            return self.mel
        return mel_spectrogram(self.recording.resample(definition.sample_rate).mono, definition)

    def compute_start(self, definition: MelDefinition) -> Frames:
        """The first seconds of it, for a test."""
        frames = self.compute_frames(definition)
        count = max(1, int(MAX_SECONDS * definition.sample_rate / definition.hop))
        return frames[:, :count]


def read_source(
    audio: str | Path | None,
    mel: str | Path | None,
    units: str | Path | None,
    family_build: FamilyBuild,
) -> VocoderSource:
    """What is to be spoken.

    Raises:
        UsageError: If the model is fed something else.
    """
    family, config = family_build.detection.family, family_build.detection.config
    wanted = import_vocoder(family).name_input(config)
    if (wanted == "mel") != (units is None):
        hints = {
            "mel": "give a recording with --audio, or a mel with --mel",
            "units": "give --units FILE: whole numbers, one for each unit",
            "codes": "give --units FILE: the codes [books, frames] that EnCodec gives"
            " (auscult run codec ENCODEC --encode IN.wav --codes CODES.npy)",
        }
        raise UsageError(f"{family} speaks {wanted}", where=family, hint=hints[wanted])
    if audio is not None:
        return VocoderSource(recording=read_recording(audio))
    if mel is not None:
        return VocoderSource(mel=read_mel(mel, config.mel_bins))
    return VocoderSource(units=check_units(read_units(str(units)), config, str(units)))
