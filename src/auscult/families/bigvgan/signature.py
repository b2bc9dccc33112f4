"""Names and shapes of BigVGAN v1, v2 and base. Source: NVIDIA/BigVGAN bigvgan.py."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any

from auscult.families._plan import Plan, Planner, extract_shapes
from auscult.families._rates import choose_usual_rates, list_possible_rates
from auscult.families._score import SignatureFact
from auscult.families._shapes import Shapes
from auscult.families.bigvgan.config import PUBLISHED, Config
from auscult.families.records import FreeChoice, Variant
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
    upsample_kernels = tuple(
        shapes.size((f"ups.{stage}.0.weight", 2), default=4) for stage in range(stages)
    )
    depth = max(shapes.count(f"resblocks.{block}.{stem}.") for block in range(blocks))
    has_post_bias = "conv_post.bias" in shapes
    return Config(
        mel_bins=shapes.size(("conv_pre.weight", 1), default=100),
        channels=tuple(channels),
        upsample_kernel_sizes=upsample_kernels,
        resblock="1" if paired else "2",
        resblock_kernel_sizes=kernels,
        resblock_depth=depth,
        activation="snakebeta"
        if shapes.has("activation_post.act.beta", "resblocks.0.activations.0.act.beta")
        else "snake",
        filter_taps=taps or 0,
        pre_kernel_size=shapes.size(("conv_pre.weight", 2), default=7),
        post_kernel_size=shapes.size(("conv_post.weight", 2), default=7),
        post_bias=has_post_bias,
        upsample_rates=choose_usual_rates(upsample_kernels),
        dilations=tuple(2 * i + 1 for i in range(depth)),
        final_tanh=has_post_bias,
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
    """See `auscult.families.signature`."""
    return {choice.field: choice.values for choice in choices(config)}


def choices(config: Config, hop: int | None = None) -> tuple[FreeChoice, ...]:
    """What the weights leave open; `hop`, where it is known, narrows the strides."""
    usual = choose_usual_rates(config.upsample_kernel_sizes)
    rates = list_possible_rates(config.upsample_kernel_sizes, hop) or (usual,)
    odd = tuple(2 * i + 1 for i in range(config.resblock_depth))
    flat = (1,) * config.resblock_depth
    return (
        FreeChoice(
            "upsample_rates", rates, rates[0], "strides of the upsampling; their product is the hop"
        ),
        FreeChoice(
            "dilations", tuple(dict.fromkeys((odd, flat))), odd, "dilations of the residual blocks"
        ),
        FreeChoice("snake_logscale", (True, False), True, "alpha and beta are logarithms"),
        FreeChoice(
            "final_tanh",
            (config.post_bias, not config.post_bias),
            config.post_bias,
            "tanh on the output, or a cut at full scale",
        ),
    )


def variants(config: Config) -> tuple[Variant, ...]:
    """The published reading of these sizes."""
    defaults = {choice.field: choice.default for choice in choices(config)}
    return (Variant("published", replace(config, **defaults), "NVIDIA/BigVGAN bigvgan.py"),)


def variant(config: Config) -> str | None:
    """v1, v2 or base, with the sample rate and the bands."""
    return next((name for name, published in PUBLISHED.items() if published == config), None)
