"""Chatterbox chunk by chunk: every chunk is in the file as soon as it is made, and no more than a few are in memory."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from auscult.errors import AudioError
from auscult.families.chatterbox.files import VoiceConditioning
from auscult.families.chatterbox.runtimes import ChatterboxRuntime, Floats, NoiseStreams
from auscult.families.chatterbox_s3gen.config import TOKEN_RATE
from auscult.families.chatterbox_s3gen.streaming import Chunking, Sounding, mels
from auscult.families.chatterbox_s3gen.voice import fade
from auscult.families.chatterbox_t3.config import Config
from auscult.families.chatterbox_t3.generate import Ids
from auscult.sound.recording import Recording, write_recording


@dataclass(frozen=True)
class WrittenSpeech:
    """What was written.

    Attributes:
        peak, rms: Of the samples, 1 being full scale.
        chunks: In how many parts they came.
        first_at: When the first of them was there, by `time.monotonic`.
    """

    samples: int
    peak: float
    rms: float
    chunks: int
    first_at: float


class SpeechTokenStream:
    """The tokens of a sentence that are sound, as they are drawn, and what there were.

    Attributes:
        tokens: Those that have come.
        stopped: Whether the stop token has.
    """

    def __init__(self, drawn_tokens: Iterator[int], config: Config) -> None:
        self._drawn, self._config = drawn_tokens, config
        self.tokens: list[int] = []
        self.stopped = False

    def __iter__(self) -> Iterator[int]:
        for token in self._drawn:
            if token == self._config.stop_speech:
                self.stopped = True
                return
            if token < self._config.start_speech:
                self.tokens.append(token)
                yield token


def choose_chunking(model: ChatterboxRuntime, seconds: float | None) -> Chunking:
    """Chunks of about so long, of a token at least; None is a single one."""
    flow = model.s3gen.config.flow
    chunk = sys.maxsize if seconds is None else max(1, round(seconds * TOKEN_RATE))
    return Chunking(chunk, lookahead=flow.lookahead, frames=flow.frames_per_token)


def iter_chunks(
    model: ChatterboxRuntime,
    tokens: Iterable[int],
    conditioning: VoiceConditioning,
    draws: NoiseStreams,
    chunking: Chunking,
) -> Iterator[Floats]:
    """The sound of a sentence as its speech tokens come: samples [time], time and again; see `streaming`."""
    prompt, frames = conditioning.mel.shape[2], chunking.frames
    prompt_noise = draws.flow(0, prompt)

    def render_mel(ids: Ids, first: int, final: bool) -> Floats:
        stop = first + len(ids) - (0 if final else chunking.lookahead)
        noise = np.concatenate(
            (prompt_noise, draws.flow(prompt + first * frames, prompt + stop * frames)), axis=2
        )
        return model.mel(ids, conditioning, noise, final=final)

    sounding = Sounding(model, model.s3gen.config.mel2wav, draws.phases, draws.source)
    rise = fade(model.sample_rate)
    for mel, last in mels(tokens, render_mel, chunking):
        samples = sounding(mel, last=last)
        size = min(len(rise), len(samples))
        if len(samples):
            yield np.concatenate((samples[:size] * rise[:size], samples[size:]))
        rise = rise[size:]


def write_speech(
    chunks: Iterable[Floats], sample_rate: int, output: Path, *, whole: bool
) -> WrittenSpeech:
    """Write a sentence: when it is whole, or what comes when it comes. In 32-bit floats where the file is WAV.

    Raises:
        AudioError: If it cannot be written, or nothing comes.
    """
    levels = LevelMeter()
    if whole:
        samples = np.concatenate([np.empty(0, np.float32), *levels.of(chunks)])
        if len(samples):
            write_recording(
                Recording.from_mono(samples, sample_rate, str(output)), output, exact=True
            )
    else:
        _append_chunks(levels.of(chunks), sample_rate, output)
    if not levels.samples:
        raise AudioError("the model ended before it said anything", hint="try another --seed")
    return WrittenSpeech(
        levels.samples,
        levels.peak,
        (levels.power / levels.samples) ** 0.5,
        levels.chunks,
        levels.first_at,
    )


class LevelMeter:
    """Measures what passes."""

    def __init__(self) -> None:
        self.samples = self.chunks = 0
        self.peak = self.power = self.first_at = 0.0

    def of(self, chunks: Iterable[Floats]) -> Iterator[Floats]:
        for chunk in chunks:
            self.first_at = self.first_at or time.monotonic()
            self.samples, self.chunks = self.samples + len(chunk), self.chunks + 1
            self.peak = max(self.peak, float(np.abs(chunk).max()))
            self.power += float(np.sum(chunk.astype(np.float64) ** 2))
            yield chunk


def _append_chunks(chunks: Iterable[Floats], sample_rate: int, output: Path) -> None:
    """The file grows under its own name, so that it can be listened to meanwhile."""
    import soundfile

    kind, subtype = ("FLAC", "PCM_16") if output.suffix.lower() == ".flac" else ("WAV", "FLOAT")
    try:
        with soundfile.SoundFile(output, "w", sample_rate, 1, format=kind, subtype=subtype) as file:
            for chunk in chunks:
                file.write(chunk if subtype == "FLOAT" else np.clip(chunk, -1.0, 1.0))
                file.flush()
    except (OSError, soundfile.LibsndfileError) as error:
        raise AudioError("cannot be written", where=str(output), found=str(error)) from error
