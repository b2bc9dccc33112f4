"""Hyper-parameters of BigVGAN v1, v2 and base. Source: NVIDIA/BigVGAN (bigvgan.py, configs)."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Literal


@dataclass(frozen=True)
class Config:
    """Defaults are bigvgan_v2_24khz_100band_256x. The second block of fields is in no tensor.

    Attributes:
        activation: `snakebeta` has alpha and beta, `snake` alpha alone.
        filter_taps: Of the anti-aliasing filters, which are buffers; 0 if the file does not have them.
        post_bias: v2's last convolution has none.
        upsample_rates: Strides.
        dilations: Of the pairs (or single convolutions) in every residual block.
        snake_logscale: Whether alpha and beta are the logarithms of what is used.
        final_tanh: Whether the output goes through tanh (v1); else it is cut at full scale (v2).
    """

    mel_bins: int = 100
    channels: tuple[int, ...] = (1536, 768, 384, 192, 96, 48, 24)
    upsample_kernel_sizes: tuple[int, ...] = (8, 8, 4, 4, 4, 4)
    resblock: Literal["1", "2"] = "1"
    resblock_kernel_sizes: tuple[int, ...] = (3, 7, 11)
    resblock_depth: int = 3
    activation: Literal["snakebeta", "snake"] = "snakebeta"
    filter_taps: int = 12
    pre_kernel_size: int = 7
    post_kernel_size: int = 7
    post_bias: bool = False

    upsample_rates: tuple[int, ...] = (4, 4, 2, 2, 2, 2)
    dilations: tuple[int, ...] = (1, 3, 5)
    snake_logscale: bool = True
    final_tanh: bool = False

    @property
    def hop(self) -> int:
        """Samples per mel frame."""
        return prod(self.upsample_rates)


PUBLISHED = {
    "v2, 24 kHz, 100 bands": Config(),
    "v2, 22 kHz, 80 bands": Config(mel_bins=80),
    "v2, 44 kHz, 128 bands": Config(
        mel_bins=128,
        upsample_kernel_sizes=(16, 8, 4, 4, 4, 4),
        upsample_rates=(8, 4, 2, 2, 2, 2),
    ),
    "v1, 24 kHz, 100 bands": Config(post_bias=True, final_tanh=True),
    "base, 24 kHz, 100 bands": Config(
        channels=(512, 256, 128, 64, 32),
        upsample_kernel_sizes=(16, 16, 4, 4),
        upsample_rates=(8, 8, 2, 2),
        post_bias=True,
        final_tanh=True,
    ),
}
