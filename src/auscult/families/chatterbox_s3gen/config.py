"""Sizes of Chatterbox's S3Gen. Source: chatterbox-tts 0.1.7, s3tokenizer 0.3.0; for the port's names mlx-audio 0.6.2."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from auscult.families.hift.config import Config as HiftConfig


@dataclass(frozen=True)
class Tokenizer:
    """S3 tokenizer v2: mel to tokens. `memory` is the FSMN kernel."""

    width: int = 1280
    layers: int = 6
    mel_bins: int = 128
    hidden: int = 5120
    memory: int = 31
    levels: int = 8


@dataclass(frozen=True)
class Speaker:
    """CAMPPlus: `blocks` dense layers per block, each adding `growth` channels."""

    head: int = 32
    mel_bins: int = 80
    initial: int = 128
    growth: int = 32
    bottleneck: int = 128
    blocks: tuple[int, ...] = (12, 24, 16)
    embedding: int = 192


@dataclass(frozen=True)
class Flow:
    """The conformer encoder and the U-shaped estimator of the velocity.

    Attributes:
        layers: Conformer layers before and after the upsampling.
        inputs: Channels into the estimator: x, mu, speaker and condition.
        meanflow: Turbo's second time embedding.
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


@dataclass(frozen=True)
class Config:
    """Defaults are Chatterbox's. Parts that a file lacks are None."""

    naming: Literal["torch", "mlx-audio"] = "torch"
    flow: Flow = field(default_factory=Flow)
    mel2wav: HiftConfig | None = field(default_factory=HiftConfig)
    speaker: Speaker | None = field(default_factory=Speaker)
    tokenizer: Tokenizer | None = field(default_factory=Tokenizer)
