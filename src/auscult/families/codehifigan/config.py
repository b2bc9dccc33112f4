"""Hyper-parameters of CodeHiFiGAN. Source: ictnlp/StreamSpeech agent/tts/codehifigan.py, fairseq text_to_speech/hifigan.py."""

from __future__ import annotations

from dataclasses import dataclass

from auscult.families.hifigan.config import Config as HifiganConfig


@dataclass(frozen=True)
class Config(HifiganConfig):
    """Defaults are StreamSpeech's unit vocoder (mHuBERT layer 11, 1000 units, 16 kHz, 320 samples per unit).

    Attributes:
        mel_bins: Width of what enters the first convolution; the embedding's width where units are the only input.
        units: Rows of the embedding `dict`.
        duration_hidden: Channels of the duration predictor; 0 if there is none.
    """

    mel_bins: int = 128
    channels: tuple[int, ...] = (512, 256, 128, 64, 32, 16)
    upsample_kernel_sizes: tuple[int, ...] = (11, 8, 8, 4, 4)
    upsample_rates: tuple[int, ...] = (5, 4, 4, 2, 2)
    units: int = 1000
    unit_dim: int = 128
    duration_hidden: int = 128
    duration_kernel_size: int = 3
