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
    from auscult.verbs.diagnose.settle import Reading

CODECS = (("OGG", "OPUS"), ("OGG", "VORBIS"), ("MP3", "MPEG_LAYER_III"))


def coded(recording: Recording, container: str, codec: str) -> Recording | None:
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


def coded_clips(clips: list[Clip]) -> Iterator[Clip]:
    """Every clip after every codec that takes it."""
    for clip in clips:
        for container, codec in CODECS:
            result = coded(clip.recording, container, codec)
            if result is not None:
                yield Clip(clip.kind, f"{clip.label}, {codec}", result, clip.text)


def rendered(clip: Clip) -> Clip:
    """The clip through the bundled vocoder, from its mel."""
    from auscult.sound.mel import mel_spectrogram

    reading, config = vocoder()
    sound = clip.recording.resampled(reading.mel.sample_rate)
    samples = reading.render(config, mel_spectrogram(sound.mono, reading.mel))
    return Clip(
        clip.kind,
        f"{clip.label}, vocoder",
        Recording.mono_of(samples, reading.mel.sample_rate),
        clip.text,
    )


@cache
def vocoder() -> tuple[Reading, Any]:
    """The bundled checkpoint and the settings that it was trained with, which are the family's usual ones."""
    from auscult import data
    from auscult.checkpoint import open_checkpoint
    from auscult.verbs.demo import story_inputs
    from auscult.verbs.diagnose.settle import read_model

    reading = read_model(open_checkpoint(data.path(data.VOCODER)), None, story_inputs())
    return reading, reading.detection.config
