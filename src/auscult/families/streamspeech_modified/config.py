"""Hyper-parameters of the modified StreamSpeech generator, and the choices that its 94 tensors do not show.

Sources: ronliwag/tool at c1a1693 (`architecture_diagnostic_report.json` for the tensors, `grc_lora_fixed.py` for the
block that the training script imported, `grc_simple_matching_checkpoint.py` for the author's later substitute).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import prod
from typing import Literal

from auscult.families._rates import choose_usual_rates, list_possible_rates
from auscult.families.records import FreeChoice, Variant


@dataclass(frozen=True)
class Config:
    """The first block of fields is in the tensors' shapes; the strides and everything after them is not.

    Attributes:
        channels: Before the first upsampling and after each one.
        mrf_count: MRF 0 works before the first upsampling, MRF i+1 after upsampling i; there is none after the last.
        dilations: One per branch of an MRF; both convolutions of the branch use it.
        norm: Instance norm without affine parameters has no tensors.
        order: Where the norm stands relative to the activation.
        slope: Of the leaky ReLU in a GRC block; 0 is a plain ReLU.
        second_activation: Whether norm and activation also follow the block's second convolution (the norm does so
            whenever `norm` is on).
        branches: How an MRF joins its branches.
        residual: Whether each branch adds its input.
        between: A leaky ReLU of 0.1 before each upsampling and before the last convolution, as HiFi-GAN has it, or none.
        final_tanh: Whether the output goes through tanh.
    """

    mel_bins: int = 80
    channels: tuple[int, ...] = (512, 256, 128, 64, 32, 16)
    upsample_kernel_sizes: tuple[int, ...] = (16, 16, 4, 4, 4)
    mrf_count: int = 5
    mrf_kernel_sizes: tuple[int, ...] = (3, 5, 7)
    initial_kernel_size: int = 7
    final_kernel_size: int = 7
    speaker_dim: int = 192
    emotion_dim: int = 256

    upsample_rates: tuple[int, ...] = (8, 8, 2, 2, 2)

    dilations: tuple[int, ...] = (1, 2, 4)
    norm: Literal["instance", "none"] = "instance"
    order: Literal["conv-norm-act", "conv-act-norm"] = "conv-norm-act"
    slope: float = 0.2
    second_activation: bool = True
    branches: Literal["sum", "mean"] = "sum"
    residual: bool = True
    between: Literal["none", "leaky"] = "none"
    final_tanh: bool = False

    @property
    def hop(self) -> int:
        """Samples per mel frame."""
        return prod(self.upsample_rates)


def choices(config: Config, hop: int | None = None) -> tuple[FreeChoice, ...]:
    """What the weights leave open, each with its finite set of values; the defaults are the training script's.

    `hop`, samples per mel frame, narrows the strides where it is known.
    """
    rates = list_possible_rates(config.upsample_kernel_sizes, hop) or (
        choose_usual_rates(config.upsample_kernel_sizes),
    )
    flat = (1,) * len(config.mrf_kernel_sizes)
    growing = tuple(2**branch for branch in range(len(flat)))
    odd = tuple(2 * branch + 1 for branch in range(len(flat)))
    return (
        FreeChoice(
            "upsample_rates", rates, rates[0], "strides of the upsampling; their product is the hop"
        ),
        FreeChoice(
            "norm",
            ("instance", "none"),
            "instance",
            "affine-free instance norm after each convolution of a block",
        ),
        FreeChoice(
            "dilations", (growing, flat, odd), growing, "dilation of each branch of a block"
        ),
        FreeChoice(
            "slope",
            (0.2, 0.1, 0.01, 0.0),
            0.2,
            "negative slope of the activation in a block (0 is ReLU)",
        ),
        FreeChoice(
            "second_activation",
            (True, False),
            True,
            "an activation after the second convolution of a block",
        ),
        FreeChoice(
            "order",
            ("conv-norm-act", "conv-act-norm"),
            "conv-norm-act",
            "norm before or after the activation",
        ),
        FreeChoice(
            "branches", ("sum", "mean"), "sum", "branches of a block are summed or averaged"
        ),
        FreeChoice("residual", (True, False), True, "each branch adds its input"),
        FreeChoice(
            "between",
            ("none", "leaky"),
            "none",
            "a leaky ReLU (0.1) before each upsampling and before the last convolution",
        ),
        FreeChoice("final_tanh", (False, True), False, "tanh on the output"),
    )


def variants(config: Config) -> tuple[Variant, ...]:
    """The two complete readings of the block that are on record, at the sizes of `config`."""
    defaults = {
        choice.field: choice.default
        for choice in choices(config)
        if choice.field != "upsample_rates"
    }
    trained = replace(config, **defaults)
    simple = replace(
        trained,
        norm="none",
        dilations=(1,) * len(config.mrf_kernel_sizes),
        slope=0.0,
        second_activation=False,
    )
    return (
        Variant(
            "training-script",
            trained,
            "grc_lora_fixed.py: conv, instance norm, leaky ReLU 0.2, twice, + input",
        ),
        Variant(
            "simple-grc",
            simple,
            "grc_simple_matching_checkpoint.py: conv, ReLU, conv, + input; no dilation, no norm",
        ),
    )
