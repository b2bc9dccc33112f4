"""Speech tokens to sound, chunk by chunk, whatever framework computes: in memory that does not grow with the length.

The flow attends to all frames at once, so that what comes later changes what came before: it is run again for every chunk, over
the prompt, some tokens that have been said, the chunk, and a few tokens ahead, and where two runs meet their mels are blended.
A sentence of one chunk is therefore what it is without streaming, and a longer one another rendering of the same tokens. The
vocoder sees a few frames to each side only: it is given these, its source goes on in phase, and what it makes of a mel is the
same in chunks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from auscult.families.hift.config import Config as HiftConfig

Floats = NDArray[np.float32]
Ids = NDArray[np.int64]


@dataclass(frozen=True)
class Chunking:
    """In tokens, 25 a second.

    Attributes:
        chunk: What is made at once.
        past: How much of what has been said the flow sees again.
        overlap: Over how much the mels of two chunks are blended.
        lookahead: What the encoder's first convolution sees ahead; without these the last tokens' frames are not final.
        frames: Per token.
    """

    chunk: int = 25
    past: int = 50
    overlap: int = 4
    lookahead: int = 3
    frames: int = 2


class Vocoder(Protocol):
    """HiFT in some framework, on numpy arrays in torch's order of axes."""

    def f0(self, mel: Floats) -> Floats:
        """[1, mel_bins, frames] to [1, frames] in Hz."""

    def source(self, f0: Floats, phases: Floats, noise: Floats) -> Floats:
        """The excitation [1, 1, samples] for f0 [1, frames], phases [1, harmonics] and noise [1, harmonics, samples]."""

    def decode(self, mel: Floats, source: Floats) -> Floats:
        """Samples [time]."""


class Drawn:
    """Standard normal draws [1, width, places] that are the same however they are asked for; what lies behind is forgotten."""

    def __init__(self, width: int, rng: np.random.Generator) -> None:
        self.rng, self.base = rng, 0
        self.values = np.empty((0, width), np.float32)

    def __call__(self, first: int, stop: int) -> Floats:
        """The draws of these places; none before `first` may be asked for again."""
        more = stop - self.base - len(self.values)
        if more > 0:
            self.values = np.concatenate(
                (self.values, self.rng.standard_normal((more, self.values.shape[1]), np.float32))
            )
        self.values, self.base = self.values[first - self.base :], first
        return np.ascontiguousarray(self.values[: stop - first].T)[None]


Draws = Callable[[int, int], Floats]
"""First place and the one behind the last, to [1, width, places]."""


def given(values: Floats) -> Draws:
    """The same from an array [1, width, places]."""
    return lambda first, stop: values[..., first:stop]


Flow = Callable[[Ids, int, bool], Floats]
"""Tokens [tokens], the place of the first in the sentence, and whether none follows, to the mel [1, mel_bins, frames] of those
whose frames are final."""


def mels(tokens: Iterable[int], flow: Flow, chunking: Chunking) -> Iterator[tuple[Floats, bool]]:
    """The mel of a sentence as its tokens come, [1, mel_bins, frames], and whether it is the last part."""
    window: list[int] = []
    first = done = (
        0  # places in the sentence: of the window, and up to where the mel was handed out
    )
    tail: Floats | None = None
    ahead = chunking.overlap + chunking.lookahead
    for token in tokens:
        window.append(token)
        # one more than a chunk and what lies ahead of it: then a sentence that ends there has a last part
        if first + len(window) <= done + chunking.chunk + ahead:
            continue
        mel = flow(np.array(window[:-1], np.int64), first, False)
        fresh = _joined(tail, mel[..., (done - first) * chunking.frames :])
        size = chunking.chunk * chunking.frames
        tail = fresh[..., size:]
        yield fresh[..., :size], False
        done += chunking.chunk
        dropped = max(0, done - chunking.past - first)
        window, first = window[dropped:], first + dropped
    if window:
        mel = flow(np.array(window, np.int64), first, True)
        yield _joined(tail, mel[..., (done - first) * chunking.frames :]), True


def _joined(tail: Floats | None, fresh: Floats) -> Floats:
    """What was left of the chunk before, fading into this one."""
    if tail is None:
        return fresh
    size = min(tail.shape[2], fresh.shape[2])
    rise = (0.5 - 0.5 * np.cos(np.pi * (np.arange(size, dtype=np.float32) + 0.5) / size)).astype(
        np.float32
    )
    blended = tail[..., :size] * (1 - rise) + fresh[..., :size] * rise
    return np.concatenate((blended, fresh[..., size:]), axis=2)


class Sounding:
    """A vocoder that is handed a mel part by part. What it gives is what it gives for the whole, to within rounding."""

    def __init__(self, vocoder: Vocoder, config: HiftConfig, phases: Floats, noise: Draws) -> None:
        self.vocoder, self.config, self.noise = vocoder, config, noise
        self.phases, self.cycles = phases, np.zeros(config.harmonics)
        self.start = self.excited = self.emitted = (
            0  # frames: where what is kept begins; up to where there is a source; sound
        )
        self.mel = np.empty((1, config.mel_bins, 0), np.float32)
        self.excitation = np.empty((1, 1, 0), np.float32)

    def __call__(self, mel: Floats, *, last: bool) -> Floats:
        """The samples [time] that are certain with [1, mel_bins, frames] more; with the last frames, all that are left."""
        self.mel = np.concatenate((self.mel, mel), axis=2)
        end = self.start + self.mel.shape[2]
        self._excite(end if last else max(end - self.config.f0_layers, self.excited))
        stop = self.excited if last else max(self.excited - self.config.reach, self.emitted)
        if stop == self.emitted:
            return np.empty(0, np.float32)
        hop, start = self.config.hop, self.start
        made = self.vocoder.decode(self.mel[..., : self.excited - start], self.excitation)
        samples = made[(self.emitted - start) * hop : (stop - start) * hop]
        self.emitted = stop
        self._forget(max(start, stop - max(self.config.reach, self.config.f0_layers)))
        return samples

    def _excite(self, stop: int) -> None:
        """Carry the source on to a frame, its sines in phase."""
        if stop == self.excited:
            return
        config, start = self.config, self.start
        f0 = self.vocoder.f0(self.mel)[:, self.excited - start : stop - start]
        phases = (self.phases + 2 * np.pi * self.cycles).astype(np.float32)
        noise = self.noise(self.excited * config.hop, stop * config.hop)
        self.excitation = np.concatenate(
            (self.excitation, self.vocoder.source(f0, phases, noise)), axis=2
        )
        order = np.arange(1, config.harmonics + 1)
        self.cycles = (
            self.cycles + f0.sum(dtype=np.float64) * config.hop / config.sample_rate * order
        ) % 1
        self.excited = stop

    def _forget(self, start: int) -> None:
        kept = start - self.start
        self.mel, self.excitation = (
            self.mel[..., kept:],
            self.excitation[..., kept * self.config.hop :],
        )
        self.start = start
