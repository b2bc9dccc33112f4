"""Hyper-parameters of the HiFi-GAN generator. Source: jik876/hifi-gan (models.py, config_v*.json)."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Literal


@dataclass(frozen=True)
class Config:
    """Defaults are V1.

    Attributes:
        channels: Before the first upsampling and after each one.
        resblock: `1` pairs each dilated convolution with one of dilation 1; `2` does not.
        dilations: Per residual-block kernel; their number is in the tensors, their values are not.
        upsample_rates: Strides; not in the tensors.
        slope: Of every leaky ReLU but the last; not in the tensors. `final_slope` is the last one's.
        final_tanh: Not in the tensors.
        padding_mode: Of every convolution but the upsampling; SpeechBrain reflects. Not in the tensors.
        even_upsampling: Whether an upsampling whose kernel and stride differ by an odd number still gives stride times
            the frames, as ParallelWaveGAN's does; the original gives one sample more. Not in the tensors.
    """

    mel_bins: int = 80
    channels: tuple[int, ...] = (512, 256, 128, 64, 32)
    upsample_kernel_sizes: tuple[int, ...] = (16, 16, 4, 4)
    resblock: Literal["1", "2"] = "1"
    resblock_kernel_sizes: tuple[int, ...] = (3, 7, 11)
    pre_kernel_size: int = 7
    post_kernel_size: int = 7
    out_channels: int = 1
    post_bias: bool = True

    upsample_rates: tuple[int, ...] = (8, 8, 2, 2)
    dilations: tuple[tuple[int, ...], ...] = ((1, 3, 5), (1, 3, 5), (1, 3, 5))
    slope: float = 0.1
    final_slope: float = 0.01
    final_tanh: bool = True
    padding_mode: Literal["zeros", "reflect"] = "zeros"
    even_upsampling: bool = False

    @property
    def hop(self) -> int:
        """Samples per frame."""
        return prod(self.upsample_rates)

    def upsample_padding(self, stage: int) -> tuple[int, int]:
        """Padding of a stage's transposed convolution, and its output padding."""
        excess = self.upsample_kernel_sizes[stage] - self.upsample_rates[stage]
        if self.even_upsampling and excess % 2:
            return (excess + 1) // 2, 1
        return excess // 2, 0


V1 = Config()
V2 = Config(channels=(128, 64, 32, 16, 8))
V3 = Config(
    channels=(256, 128, 64, 32),
    upsample_kernel_sizes=(16, 16, 8),
    upsample_rates=(8, 8, 4),
    resblock="2",
    resblock_kernel_sizes=(3, 5, 7),
    dilations=((1, 2), (2, 6), (3, 12)),
)
PUBLISHED = {"V1": V1, "V2": V2, "V3": V3}
