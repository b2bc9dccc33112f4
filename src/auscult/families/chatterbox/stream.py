"""Chatterbox chunk by chunk: every chunk is in the file as soon as it is made, and no more than a few are in memory."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from auscult.errors import AudioError
from auscult.families.chatterbox.files import Heard
from auscult.families.chatterbox.runtimes import Draws, Floats, Runtime
from auscult.families.chatterbox_s3gen.config import TOKEN_RATE
from auscult.families.chatterbox_s3gen.streaming import Chunking, Sounding, mels
from auscult.families.chatterbox_s3gen.voice import fade
from auscult.families.chatterbox_t3.config import Config
from auscult.families.chatterbox_t3.generate import Ids
from auscult.sound.recording import Recording, write_recording


@dataclass(frozen=True)
class Written:
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


class Saying:
    """The tokens of a sentence that are sound, as they are drawn, and what there were.

    Attributes:
        tokens: Those that have come.
        stopped: Whether the stop token has.
    """

    def __init__(self, drawn: Iterator[int], config: Config) -> None:
        self._drawn, self._config = drawn, config
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


def chunking_of(model: Runtime, seconds: float | None) -> Chunking:
    """Chunks of about so long, of a token at least; None is a single one."""
    flow = model.s3gen.config.flow
    chunk = sys.maxsize if seconds is None else max(1, round(seconds * TOKEN_RATE))
    return Chunking(chunk, lookahead=flow.lookahead, frames=flow.frames_per_token)


def chunks_of(
    model: Runtime, tokens: Iterable[int], heard: Heard, draws: Draws, chunking: Chunking
) -> Iterator[Floats]:
    """The sound of a sentence as its speech tokens come: samples [time], time and again; see `streaming`."""
    prompt, frames = heard.mel.shape[2], chunking.frames
    before = draws.flow(0, prompt)

    def flow(ids: Ids, first: int, final: bool) -> Floats:
        stop = first + len(ids) - (0 if final else chunking.lookahead)
        noise = np.concatenate(
            (before, draws.flow(prompt + first * frames, prompt + stop * frames)), axis=2
        )
        return model.mel(ids, heard, noise, final=final)

    sounding = Sounding(model, model.s3gen.config.mel2wav, draws.phases, draws.source)
    rise = fade(model.sample_rate)
    for mel, last in mels(tokens, flow, chunking):
        samples = sounding(mel, last=last)
        size = min(len(rise), len(samples))
        if len(samples):
            yield np.concatenate((samples[:size] * rise[:size], samples[size:]))
        rise = rise[size:]


def write(chunks: Iterable[Floats], sample_rate: int, output: Path, *, whole: bool) -> Written:
    """Write a sentence: when it is whole, or what comes when it comes. In 32-bit floats where the file is WAV.

    Raises:
        AudioError: If it cannot be written, or nothing comes.
    """
    levels = Levels()
    if whole:
        samples = np.concatenate([np.empty(0, np.float32), *levels.of(chunks)])
        if len(samples):
            write_recording(
                Recording.mono_of(samples, sample_rate, str(output)), output, exact=True
            )
    else:
        _append(levels.of(chunks), sample_rate, output)
    if not levels.samples:
        raise AudioError("the model ended before it said anything", hint="try another --seed")
    return Written(
        levels.samples,
        levels.peak,
        (levels.power / levels.samples) ** 0.5,
        levels.chunks,
        levels.first_at,
    )


class Levels:
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


def _append(chunks: Iterable[Floats], sample_rate: int, output: Path) -> None:
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
