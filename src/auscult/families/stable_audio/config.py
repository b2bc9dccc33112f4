"""Hyper-parameters of Stable Audio Open. Source: Stability-AI/stable-audio-tools 0.0.19 (dit, autoencoders, conditioners).

The released configuration of the small model is gated; these sizes reproduce its published tensor counts.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Literal

Objective = Literal["v", "rectified_flow", "rf_denoiser"]

ROTARY_BASE = 10000.0
SNAKE_FLOOR = 1e-9
"""Added to a snake's magnitude before the division."""
LEAST_DEVIATION = 1e-4
"""Of a latent's distribution."""


@dataclass(frozen=True)
class Config:
    """Defaults are Stable Audio Open Small. Widths and counts that name no part are the transformer's.

    Attributes:
        cond_width: Of the prompt's tokens behind `to_cond_embed`; heads of keys and values that are fewer are shared.
        concat: Channels that are laid beside the latent: 0, or mask and masked latent of an inpainting model (latent + 1).
        vae_widths: From the audio inwards. `vae_kernels`: of the strided convolutions; a stride is half its kernel.
        numbers: The numbers that condition it, in the order in which they follow the prompt.
        objective: What the transformer's output means; with those below, not in the tensors.
        number_range: A number is clamped to it and scaled to 0...1.
        prompt_tokens: Length to which a prompt is padded.
        sample_size: Samples a channel that it was trained on; it always makes that many.
        shift: base, max, min_length, max_length of the distribution shift; only where a schedule is linear.
    """

    latent: int = 64
    width: int = 1024
    depth: int = 16
    head_dim: int = 128
    qk_norm: bool = True
    hidden: int = 4096
    cond_dim: int = 768
    cond_width: int = 1024
    global_dim: int = 768
    time_features: int = 128
    rotary: int = 32
    concat: int = 0
    vae_channels: int = 2
    vae_widths: tuple[int, ...] = (128, 128, 256, 512, 1024, 2048)
    vae_kernels: tuple[int, ...] = (4, 8, 8, 16, 16)
    numbers: tuple[str, ...] = ("seconds_total",)
    number_dim: int = 768
    number_features: int = 128

    objective: Objective = "rf_denoiser"
    number_range: tuple[float, float] = (0.0, 256.0)
    prompt_tokens: int = 64
    sample_rate: int = 44100
    sample_size: int = 524288
    final_tanh: bool = False
    norm_eps: float = 1e-5
    qk_norm_eps: float = 1e-6
    shift: tuple[float, float, int, int] | None = None

    @property
    def heads(self) -> int:
        return self.width // self.head_dim

    @property
    def strides(self) -> tuple[int, ...]:
        """Of the encoder, from the audio inwards."""
        return tuple(kernel // 2 for kernel in self.vae_kernels)

    @property
    def hop(self) -> int:
        """Samples per latent frame."""
        return prod(self.strides)

    @property
    def frames(self) -> int:
        """Latent frames that it was trained on."""
        return self.sample_size // self.hop

    @property
    def seconds(self) -> float:
        """Length of what it makes."""
        return self.frames * self.hop / self.sample_rate


OPEN_SMALL = Config()
OPEN_1_0 = Config(
    width=1536,
    depth=24,
    head_dim=64,
    qk_norm=False,
    hidden=6144,
    cond_width=768,
    global_dim=1536,
    rotary=16,
    numbers=("seconds_start", "seconds_total"),
    objective="v",
    number_range=(0.0, 512.0),
    prompt_tokens=128,
    sample_size=2097152,
)
"""Its larger predecessor: two numbers, no norm of queries and keys, fewer heads in the prompt's keys and values."""
PUBLISHED = {"open-small": OPEN_SMALL, "open-1.0": OPEN_1_0}

TINY = Config(
    latent=8,
    width=64,
    depth=2,
    head_dim=32,
    hidden=96,
    cond_dim=24,
    cond_width=64,
    global_dim=24,
    rotary=16,
    vae_widths=(8, 8, 16, 16),
    vae_kernels=(4, 4, 8),
    number_dim=24,
    prompt_tokens=12,
    sample_rate=8000,
    sample_size=1024,
)
"""For tests and `--tiny`: everything the small model has, in sizes that run at once."""
