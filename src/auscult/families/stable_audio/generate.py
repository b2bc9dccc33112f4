"""Prompt to stereo sound, for any runtime: who draws the noise, which sampler, what is kept of the result."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil, isfinite
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from auscult.errors import UsageError
from auscult.facts.progress import Progress
from auscult.families.stable_audio.config import Config
from auscult.families.stable_audio.inpaint import masked_input
from auscult.families.stable_audio.samplers import SAMPLERS, Model, fitting, sample

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Tokens:
    """A tokenised prompt: ids and mask (1 for a word, 0 for padding), each int64 [1, tokens]."""

    ids: NDArray[np.int64]
    mask: NDArray[np.int64]


class Runtime(Protocol):
    """A framework with the weights in it. Latents and conditioning are its own; sound and noise are numpy's."""

    name: str
    config: Config

    def condition(self, prompt: Tokens, numbers: Mapping[str, float]) -> Any:
        """What the transformer is told about this prompt."""

    def unconditioned(self, conditioning: Any) -> Any:
        """The same with zero vectors in place of prompt and numbers; the global vector stays."""

    def model(
        self,
        conditioning: Any,
        against: Any,
        guidance: float,
        interval: tuple[float, float],
        concat: Floats | None,
    ) -> Model:
        """The velocity, guided away from `against`; `concat` [1, channels, frames] is laid beside the latent."""

    def latent(self, array: Floats) -> Any:
        """[1, latent, frames] as the runtime has it."""

    def array(self, latent: Any) -> Floats:
        """And back."""

    def decode(self, latent: Any) -> Floats:
        """Sound [channels, samples]."""

    def encode(self, audio: Floats, noise: Floats) -> Floats:
        """A latent [1, latent, frames] of sound [channels, samples], drawn with that noise."""


@dataclass(frozen=True)
class Request:
    """What to make.

    Attributes:
        numbers: By name, in their own unit (seconds).
        seconds: How much of the sound to keep; None for all that the model makes.
        sampler, steps, guidance: None for what fits the model.
        negative: A prompt to be guided away from; without one, zero vectors.
        interval: Shares of noise between which a step is guided.
        initial: Sound [channels, samples] to vary, with `initial_noise` of the noise.
        inpaint: Sound [channels, samples] to fill in, for an inpainting model; `keep` are the spans of it in seconds that stay.
    """

    prompt: Tokens
    numbers: Mapping[str, float]
    seconds: float | None = None
    sampler: str | None = None
    steps: int | None = None
    guidance: float | None = None
    seed: int = 0
    negative: Tokens | None = None
    interval: tuple[float, float] = (0.0, 1.0)
    initial: Floats | None = None
    initial_noise: float = 1.0
    inpaint: Floats | None = None
    keep: Sequence[tuple[float, float]] = field(default=())


@dataclass(frozen=True)
class Made:
    """What came out: sound [channels, samples] at the model's rate, its latent [1, latent, frames], and how it was made."""

    audio: Floats
    latent: Floats
    sampler: str
    steps: int
    guidance: float


def generate(runtime: Runtime, request: Request, progress: Progress | None = None) -> Made:
    """Make a sound. The same seed draws the same noise in every runtime, so that the results can be compared.

    Raises:
        UsageError: If the request does not fit the model.
    """
    config = runtime.config
    name = request.sampler or fitting(config.objective)[0]
    if name not in SAMPLERS:
        raise UsageError("no such sampler", where=name, hint=f"choose one of {', '.join(SAMPLERS)}")
    usual = SAMPLERS[name]
    steps = usual.steps if request.steps is None else request.steps
    guidance = usual.guidance if request.guidance is None else request.guidance
    _check(config, request, guidance)
    draw = _Noise(request.seed, (1, config.latent, config.frames))
    start = draw()
    initial = (
        runtime.encode(fitted(request.initial, config), draw())
        if request.initial is not None
        else None
    )
    concat = None
    if config.concat:
        known = (
            runtime.encode(fitted(request.inpaint, config), draw())
            if request.inpaint is not None
            else None
        )
        concat = masked_input(config, known, request.keep)
    conditioning = runtime.condition(request.prompt, request.numbers)
    against = (
        runtime.condition(request.negative, request.numbers)
        if request.negative
        else runtime.unconditioned(conditioning)
    )
    latent = sample(
        name,
        runtime.model(conditioning, against, guidance, request.interval, concat),
        runtime.latent(start),
        lambda _step: runtime.latent(draw()),
        config,
        steps=steps,
        length=config.frames,
        initial=None if initial is None else runtime.latent(initial),
        initial_noise=request.initial_noise,
        watch=(lambda done, total: progress(done, total + 1, "sampling")) if progress else None,
    )
    audio = runtime.decode(latent)
    if progress:
        progress(steps + 1, steps + 1, "decoding")
    return Made(_cut(audio, request.seconds, config), runtime.array(latent), name, steps, guidance)


class _Noise:
    """Standard normal arrays of one shape, one after the other from a seed."""

    def __init__(self, seed: int, shape: tuple[int, ...]) -> None:
        self._generator = np.random.Generator(np.random.PCG64(seed))
        self._shape = shape

    def __call__(self) -> Floats:
        return self._generator.standard_normal(self._shape, np.float32)


def _check(config: Config, request: Request, guidance: float) -> None:
    if missing := [name for name in config.numbers if name not in request.numbers]:
        raise UsageError("the model is conditioned on a number that is not given", where=missing[0])
    if (request.inpaint is not None or request.keep) and not config.concat:
        raise UsageError(
            "this model does not inpaint",
            hint="give the sound as the initial one, with less noise than 1",
        )
    if request.negative is not None and guidance == 1.0:
        raise UsageError(
            "a negative prompt does nothing without guidance", hint="give a guidance other than 1"
        )
    if request.seed < 0:
        raise UsageError("a seed is 0 or more", found=request.seed)
    if not isfinite(guidance):
        raise UsageError("guidance is no number to multiply by", found=guidance)
    if request.seconds is not None and not 0 < request.seconds <= config.seconds:
        raise UsageError(
            "the model makes no sound of that length",
            expected=f"above 0 and at most {config.seconds:.2f} s",
            found=f"{request.seconds:g} s",
        )


def fitted(audio: Floats | None, config: Config) -> Floats:
    """Sound in the model's channels and length: mono doubled, more than its channels left out, padded with silence or cut."""
    if audio is None:
        return np.zeros((config.vae_channels, config.frames * config.hop), np.float32)
    if config.vae_channels == 1:
        audio = audio.mean(axis=0, keepdims=True)
    elif audio.shape[0] == 1:
        audio = np.repeat(audio, config.vae_channels, axis=0)
    whole = np.zeros((config.vae_channels, config.frames * config.hop), np.float32)
    kept = audio[: config.vae_channels, : whole.shape[1]]
    whole[:, : kept.shape[1]] = kept
    return whole


def _cut(audio: Floats, seconds: float | None, config: Config) -> Floats:
    return audio if seconds is None else audio[:, : ceil(seconds * config.sample_rate)]
