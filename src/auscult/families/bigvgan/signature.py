"""Names and shapes of BigVGAN v1, v2 and base. Source: NVIDIA/BigVGAN bigvgan.py."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

from auscult.families._plan import Plan, Planner, extract_shapes
from auscult.families._rates import list_possible_rates
from auscult.families._score import SignatureFact
from auscult.families._shapes import Shapes
from auscult.weights import Shape

EVIDENCE = (
    SignatureFact(
        "no `activations.N.act`: BigVGAN's activations have tensors",
        any_of=("activation_post.", "resblocks.0.activations."),
    ),
    SignatureFact(
        "`source_downs` or `m_source` is here: it has a source branch, as HiFT does",
        none_of=("source_", "m_source."),
    ),
)


@dataclass(frozen=True)
class Config:
    """Defaults are bigvgan_v2_24khz_100band_256x.

    Attributes:
        activation: `snakebeta` has alpha and beta, `snake` alpha alone.
        filter_taps: Of the anti-aliasing filters, which are buffers; 0 if the file does not have them.
        post_bias: v2's last convolution has none.
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


PUBLISHED = {
    "v2, 24 kHz, 100 bands": Config(),
    "v2, 22 kHz, 80 bands": Config(mel_bins=80),
    "v2, 44 kHz, 128 bands": Config(mel_bins=128, upsample_kernel_sizes=(16, 8, 4, 4, 4, 4)),
    "v1, 24 kHz, 100 bands": Config(post_bias=True),
    "base, 24 kHz, 100 bands": Config(
        channels=(512, 256, 128, 64, 32), upsample_kernel_sizes=(16, 16, 4, 4), post_bias=True
    ),
}


def infer(shapes: Shapes) -> Config | None:
    """See `auscult.families.signature`."""
    stages, blocks = shapes.count("ups."), shapes.count("resblocks.")
    first = shapes.find(("conv_pre.weight", 0), ("conv_pre.bias", 0), ("ups.0.0.weight", 0))
    if not stages or not blocks or not first or not shapes.has("ups.0.0.", "ups.1.0."):
        return None
    channels = [first]
    for stage in range(stages):
        after = (
            (f"ups.{stage}.0.weight", 1),
            (f"ups.{stage}.0.bias", 0),
            (f"ups.{stage + 1}.0.weight", 0),
        )
        channels.append(shapes.size(*after, default=max(channels[-1] // 2, 1)))
    paired = shapes.has("resblocks.0.convs1.", "resblocks.1.convs1.")
    stem = "convs1" if paired else "convs"
    branches = max(blocks // stages, 1)
    kernels = tuple(
        shapes.size(
            *(
                (f"resblocks.{block}.{stem}.{i}.weight", 2)
                for block in range(branch, blocks, branches)
                for i in (0, 1)
            ),
            default=3,
        )
        for branch in range(branches)
    )
    taps = shapes.find(
        ("activation_post.upsample.filter", -1), ("resblocks.0.activations.0.upsample.filter", -1)
    )
    return Config(
        mel_bins=shapes.size(("conv_pre.weight", 1), default=100),
        channels=tuple(channels),
        upsample_kernel_sizes=tuple(
            shapes.size((f"ups.{stage}.0.weight", 2), default=4) for stage in range(stages)
        ),
        resblock="1" if paired else "2",
        resblock_kernel_sizes=kernels,
        resblock_depth=max(shapes.count(f"resblocks.{block}.{stem}.") for block in range(blocks)),
        activation="snakebeta"
        if shapes.has("activation_post.act.beta", "resblocks.0.activations.0.act.beta")
        else "snake",
        filter_taps=taps or 0,
        pre_kernel_size=shapes.size(("conv_pre.weight", 2), default=7),
        post_kernel_size=shapes.size(("conv_post.weight", 2), default=7),
        post_bias="conv_post.bias" in shapes,
    )


@lru_cache(maxsize=8)
def plan(config: Config) -> Plan:
    """See `auscult.families.signature`."""
    planner = Planner()
    channels = config.channels
    planner.conv1d("conv_pre", config.mel_bins, channels[0], config.pre_kernel_size, norm=True)
    for stage, kernel in enumerate(config.upsample_kernel_sizes):
        planner.conv_transpose1d(
            f"ups.{stage}.0", channels[stage], channels[stage + 1], kernel, norm=True
        )
    stems = ("convs1", "convs2") if config.resblock == "1" else ("convs",)
    block = 0
    for width in channels[1:]:
        for kernel in config.resblock_kernel_sizes:
            for stem in stems:
                for i in range(config.resblock_depth):
                    planner.conv1d(f"resblocks.{block}.{stem}.{i}", width, width, kernel, norm=True)
            for i in range(config.resblock_depth * len(stems)):
                _plan_activation(planner, f"resblocks.{block}.activations.{i}", width, config)
            block += 1
    _plan_activation(planner, "activation_post", channels[-1], config)
    planner.conv1d(
        "conv_post", channels[-1], 1, config.post_kernel_size, norm=True, bias=config.post_bias
    )
    return planner.plan


def _plan_activation(planner: Planner, name: str, width: int, config: Config) -> None:
    planner.tensor(f"{name}.act.alpha", (width,))
    if config.activation == "snakebeta":
        planner.tensor(f"{name}.act.beta", (width,))
    if config.filter_taps:
        for part in ("upsample.filter", "downsample.lowpass.filter"):
            planner.tensor(f"{name}.{part}", (1, 1, config.filter_taps), "buffer", optional=True)


def expected(config: Config) -> dict[str, Shape]:
    """See `auscult.families.signature`."""
    return extract_shapes(plan(config))


def transposed(name: str) -> bool:
    """See `auscult.families.signature`."""
    return name.startswith("ups.")


def undetermined(config: Config) -> Mapping[str, tuple[Any, ...]]:
    """Strides, dilations, whether alpha and beta are logarithms, and the last activation."""
    return {
        "upsample_rates": list_possible_rates(config.upsample_kernel_sizes),
        "dilations": ((1, 3, 5), (1, 1, 1)),
        "snake_logscale": (True, False),
        "final_tanh": (config.post_bias, not config.post_bias),
    }


def variant(config: Config) -> str | None:
    """v1, v2 or base, with the sample rate and the bands."""
    return next((name for name, published in PUBLISHED.items() if published == config), None)
