"""Hyper-parameters of the GRC-LoRA generator.

Source: ronliwag/tool at c1a1693, `architecture_diagnostic_report.json`, `grc_lora.py`, `integrate_trained_model.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod


@dataclass(frozen=True)
class Config:
    """Defaults are the sizes of the published code: 394 tensors.

    Attributes:
        branches: Blocks per MRF; all have the same kernel and differ in dilation.
        groups: Of both convolutions of a block.
        rank: Of the LoRA factors; `reduction` is the channel attention's.
        lora_alpha: The LoRA branch is scaled by `lora_alpha / rank`.
        clamp: Each block's output is limited to this amplitude; 0 for no limit.

    The strides and everything after them is not in the tensors.
    """

    mel_bins: int = 80
    channels: tuple[int, ...] = (512, 256, 128, 64, 32, 16)
    upsample_kernel_sizes: tuple[int, ...] = (16, 16, 4, 4, 4)
    mrf_count: int = 5
    branches: int = 3
    kernel_size: int = 3
    groups: int = 4
    rank: int = 4
    reduction: int = 4
    initial_kernel_size: int = 7
    final_kernel_size: int = 7
    speaker_dim: int = 192
    emotion_dim: int = 256

    upsample_rates: tuple[int, ...] = (8, 8, 2, 2, 2)
    dilations: tuple[int, ...] = (1, 3, 5)
    lora_alpha: float = 1.0
    clamp: float = 1.0

    @property
    def hop(self) -> int:
        """Samples per mel frame."""
        return prod(self.upsample_rates)
