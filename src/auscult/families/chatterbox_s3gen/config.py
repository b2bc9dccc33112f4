"""Sizes of Chatterbox's S3Gen. Source: chatterbox-tts 0.1.7, s3tokenizer 0.3.0; for the port's names mlx-audio 0.6.2."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal

from auscult.families.hift.config import Config as HiftConfig
from auscult.families.hift.config import tiny as tiny_hift

TOKEN_RATE = 25
"""Speech tokens per second."""
TOKENIZER_RATE = 16_000
"""Of the samples that the tokenizer and the speaker encoder hear, in Hz."""
TOKENIZER_HOP = 160
"""Samples from frame to frame of the tokenizer's mel; four frames are a token."""
TOKENIZER_FFT = 400


@dataclass(frozen=True)
class Tokenizer:
    """S3 tokenizer v2: mel to tokens. `memory` is the FSMN kernel; `head_width` is not in the tensors."""

    width: int = 1280
    layers: int = 6
    mel_bins: int = 128
    hidden: int = 5120
    memory: int = 31
    levels: int = 8

    head_width: int = 64

    @property
    def tokens(self) -> int:
        """How many different tokens there are: three values of each level."""
        return int(3**self.levels)


@dataclass(frozen=True)
class Speaker:
    """CAMPPlus: `blocks` dense layers per block, each adding `growth` channels; `dilations` are not in the tensors."""

    head: int = 32
    mel_bins: int = 80
    initial: int = 128
    growth: int = 32
    bottleneck: int = 128
    blocks: tuple[int, ...] = (12, 24, 16)
    embedding: int = 192

    dilations: tuple[int, ...] = (1, 2, 2)


@dataclass(frozen=True)
class Flow:
    """The conformer encoder and the U-shaped estimator of the velocity. After `meanflow` come what no tensor shows.

    Attributes:
        layers: Conformer layers before and after the upsampling.
        inputs: Channels into the estimator: x, mu, speaker and condition.
        meanflow: Turbo's second time embedding.
        head_width: Of the estimator's attention.
        layer_eps: Of the conformer layers' norms; all others have 1e-5.
        time_scale: The time of 0 to 1 is multiplied by it before its sines are taken.
        guidance: v = (1 + guidance)·conditional - guidance·unconditional.
        steps: Of the solver, on 1 - cos(pi/2·k/steps), for meanflow on k/steps.
    """

    tokens: int = 6561
    width: int = 512
    mel_bins: int = 80
    heads: int = 8
    hidden: int = 2048
    layers: tuple[int, int] = (6, 4)
    channels: int = 256
    inputs: int = 320
    time: int = 1024
    mid_blocks: int = 12
    transformers: int = 4
    attention: int = 512
    feed_forward: int = 1024
    meanflow: bool = False

    head_width: int = 64
    layer_eps: float = 1e-12
    time_scale: float = 1000.0
    guidance: float = 0.7
    steps: int = 10

    lookahead = 3
    """Tokens after the current one that the encoder's first convolution sees."""
    frames_per_token = 2


@dataclass(frozen=True)
class Config:
    """Defaults are Chatterbox's. Parts that a file lacks are None."""

    naming: Literal["torch", "mlx-audio"] = "torch"
    flow: Flow = field(default_factory=Flow)
    mel2wav: HiftConfig | None = field(default_factory=HiftConfig)
    speaker: Speaker | None = field(default_factory=Speaker)
    tokenizer: Tokenizer | None = field(default_factory=Tokenizer)


def as_released(config: Config) -> Config:
    """The same model under torch's names, which our modules have whatever the file's."""
    vocoder = config.mel2wav and replace(config.mel2wav, f0_step=2)
    return replace(config, naming="torch", mel2wav=vocoder)


def tiny() -> Config:
    """Every part with the same layers, a few channels wide and one or two layers deep."""
    return Config(
        flow=Flow(
            tokens=27,
            width=16,
            mel_bins=8,
            heads=2,
            hidden=24,
            layers=(2, 1),
            channels=12,
            inputs=32,
            time=20,
            mid_blocks=2,
            transformers=2,
            attention=128,
            feed_forward=24,
        ),
        mel2wav=replace(tiny_hift(), mel_bins=8),
        speaker=Speaker(
            head=4, mel_bins=16, initial=12, growth=6, bottleneck=8, blocks=(2, 3, 2), embedding=10
        ),
        tokenizer=Tokenizer(width=128, layers=2, mel_bins=16, hidden=32, memory=5, levels=3),
    )
