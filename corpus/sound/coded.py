"""Clean sound after what is no defect: a lossy codec, a good resampler, and the bundled vocoder."""

from __future__ import annotations

import io
from collections.abc import Iterator
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from auscult.sound.recording import Recording
from corpus.sound.material import Clip

if TYPE_CHECKING:
    from auscult.verbs.diagnose.family_build import FamilyBuild

CODECS = (("OGG", "OPUS"), ("OGG", "VORBIS"), ("MP3", "MPEG_LAYER_III"))


def encode_lossy(recording: Recording, container: str, codec: str) -> Recording | None:
    """The recording after the codec at its default quality; None where libsndfile has none, or the codec not this rate."""
    import soundfile

    if container not in soundfile.available_formats() or codec not in soundfile.available_subtypes(
        container
    ):
        return None
    if codec == "OPUS" and recording.sample_rate not in (8000, 12000, 16000, 24000, 48000):
        return None
    buffer = io.BytesIO()
    soundfile.write(
        buffer, recording.samples.T, recording.sample_rate, format=container, subtype=codec
    )
    buffer.seek(0)
    samples, rate = soundfile.read(buffer, dtype="float32", always_2d=True)
    return Recording(np.ascontiguousarray(samples.T), int(rate), f"{codec}.{container.lower()}")


def iter_coded_clips(clips: list[Clip]) -> Iterator[Clip]:
    """Every clip after every codec that takes it."""
    for clip in clips:
        for container, codec in CODECS:
            result = encode_lossy(clip.recording, container, codec)
            if result is not None:
                yield Clip(clip.kind, f"{clip.label}, {codec}", result, clip.text)


def render_with_vocoder(clip: Clip) -> Clip:
    """The clip through the bundled vocoder, from its mel."""
    from auscult.sound.mel import mel_spectrogram

    family_build, config = load_vocoder()
    sound = clip.recording.resample(family_build.mel.sample_rate)
    samples = family_build.render(config, mel_spectrogram(sound.mono, family_build.mel))
    return Clip(
        clip.kind,
        f"{clip.label}, vocoder",
        Recording.from_mono(samples, family_build.mel.sample_rate),
        clip.text,
    )


@cache
def load_vocoder() -> tuple[FamilyBuild, Any]:
    """The bundled checkpoint and the settings that it was trained with, which are the family's usual ones."""
    from auscult import data
    from auscult.checkpoint import open_checkpoint
    from auscult.verbs.demo import make_story_inputs
    from auscult.verbs.diagnose.family_build import build_family

    family_build = build_family(open_checkpoint(data.path(data.VOCODER)), None, make_story_inputs())
    return family_build, family_build.detection.config
