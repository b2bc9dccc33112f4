"""Names and shapes of the HiFi-GAN generator."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any

from auscult.families._plan import Plan, Planner, extract_shapes
from auscult.families._rates import choose_usual_rates, list_possible_rates
from auscult.families._score import SignatureFact
from auscult.families._shapes import Shapes
from auscult.families.hifigan.config import PUBLISHED, Config
from auscult.families.records import FreeChoice, Variant
from auscult.weights import Shape

EVIDENCE = (
    SignatureFact(
        "`dict` or `dur_predictor` is here: it speaks units, as CodeHiFiGAN does",
        none_of=("dict.", "dur_predictor."),
    ),
    SignatureFact(
        "`source_downs` or `m_source` is here: it has a source branch, as HiFT does",
        none_of=("source_", "m_source."),
    ),
    SignatureFact(
        "`activations` is here: it has Snake activations, as BigVGAN does",
        none_of=("activation", "resblocks.0.activations"),
    ),
)


def infer(shapes: Shapes) -> Config | None:
    """See `auscult.families.signature`."""
    blocks = shapes.count("resblocks.")
    paired = shapes.has("resblocks.0.convs1.", "resblocks.0.convs2.", "resblocks.1.convs1.")
    stem = "convs1" if paired else "convs"
    channels = _channels(shapes, [f"resblocks.{block}.{stem}" for block in range(blocks)])
    stages = len(channels) - 1
    if stages < 1:
        return None
    branches = max(blocks // stages, 1)
    kernels, depths = [], []
    for branch in range(branches):
        # the same branch in every stage: one absent tensor does not hide its kernel
        places = tuple(
            (f"resblocks.{block}.{stem}.{i}.weight", 2)
            for block in range(branch, blocks, branches)
            for i in (0, 1)
        )
        kernels.append(shapes.size(*places, default=3))
        depths.append(
            max(
                shapes.count(f"resblocks.{block}.{stem}.")
                for block in range(branch, blocks, branches)
            )
        )
    ups = _upsampling(shapes)
    upsample_kernels = tuple(
        shapes.size((f"{ups}.{stage}.weight", 2), default=4) for stage in range(stages)
    )
    if min(upsample_kernels) < 1 or min(depths) < 1:
        return None
    return Config(
        mel_bins=shapes.size(("conv_pre.weight", 1), default=80),
        channels=channels,
        upsample_kernel_sizes=upsample_kernels,
        resblock="1" if paired else "2",
        resblock_kernel_sizes=tuple(kernels),
        pre_kernel_size=shapes.size(("conv_pre.weight", 2), default=7),
        post_kernel_size=shapes.size(("conv_post.weight", 2), default=7),
        out_channels=shapes.size(("conv_post.weight", 0), ("conv_post.bias", 0), default=1),
        post_bias="conv_post.bias" in shapes,
        upsample_rates=choose_usual_rates(upsample_kernels),
        dilations=usual_dilations(depths, paired=paired),
    )


def _channels(shapes: Shapes, blocks: list[str]) -> tuple[int, ...]:
    """Channels before the first upsampling and after each; empty if that cannot be a generator.

    Where a stage's upsampling is absent, its residual blocks still show it by their width.
    """
    widths = [shapes.find(*((f"{block}.{i}.bias", 0) for i in range(3))) for block in blocks]
    ups = _upsampling(shapes)
    stages = max(shapes.count(f"{ups}."), len(dict.fromkeys(width for width in widths if width)))
    first = shapes.find(
        ("conv_pre.weight", 0), ("conv_pre.bias", 0), (f"{ups}.0.weight", 0)
    ) or 2 * (shapes.find((f"{ups}.0.bias", 0)) or 0)
    if not stages or not blocks or not first:
        return ()
    branches = max(len(blocks) // stages, 1)
    channels = [first]
    for stage in range(stages):
        after = (
            (f"{ups}.{stage}.weight", 1),
            (f"{ups}.{stage}.bias", 0),
            (f"{ups}.{stage + 1}.weight", 0),
        )
        width = next(
            (width for width in widths[stage * branches : (stage + 1) * branches] if width), None
        )
        channels.append(shapes.size(*after, default=width or max(channels[-1] // 2, 1)))
    return tuple(channels)


def _upsampling(shapes: Shapes) -> str:
    """What the list of transposed convolutions is called: transformers (SpeechT5HifiGan, VitsHifiGan) has a name of its own."""
    return "upsampler" if shapes.has("upsampler.0.") else "ups"


def usual_dilations(depths: list[int], *, paired: bool) -> tuple[tuple[int, ...], ...]:
    """The published dilations for blocks of these depths: 1, 3, 5 in block 1; (1, 2), (2, 6), (3, 12) in block 2."""
    published = PUBLISHED["V1" if paired else "V3"].dilations
    if tuple(depths) == tuple(map(len, published)):
        return published
    return tuple(tuple(2 * i + 1 for i in range(depth)) for depth in depths)


@lru_cache(maxsize=8)
def plan(config: Config) -> Plan:
    """See `auscult.families.signature`."""
    planner = Planner()
    channels = config.channels
    planner.conv1d("conv_pre", config.mel_bins, channels[0], config.pre_kernel_size, norm=True)
    for stage, kernel in enumerate(config.upsample_kernel_sizes):
        planner.conv_transpose1d(
            f"ups.{stage}", channels[stage], channels[stage + 1], kernel, norm=True
        )
    plan_resblocks(planner, "resblocks", config)
    planner.conv1d(
        "conv_post",
        channels[-1],
        config.out_channels,
        config.post_kernel_size,
        norm=True,
        bias=config.post_bias,
    )
    return planner.plan


def plan_resblocks(planner: Planner, name: str, config: Config) -> None:
    """All residual blocks: for each stage, one per kernel size."""
    stems = ("convs1", "convs2") if config.resblock == "1" else ("convs",)
    branches = tuple(zip(config.resblock_kernel_sizes, config.dilations, strict=True))
    for stage, width in enumerate(config.channels[1:]):
        for branch, (kernel, dilations) in enumerate(branches):
            for stem in stems:
                for i in range(len(dilations)):
                    block = stage * len(branches) + branch
                    planner.conv1d(f"{name}.{block}.{stem}.{i}", width, width, kernel, norm=True)


def expected(config: Config) -> dict[str, Shape]:
    """See `auscult.families.signature`."""
    return extract_shapes(plan(config))


def transposed(name: str) -> bool:
    """See `auscult.families.signature`."""
    return name.startswith(("ups.", "upsampler."))


def undetermined(config: Config) -> Mapping[str, tuple[Any, ...]]:
    """See `auscult.families.signature`."""
    return {choice.field: choice.values for choice in choices(config)}


def choices(config: Config, hop: int | None = None) -> tuple[FreeChoice, ...]:
    """What the weights leave open; `hop`, where it is known, narrows the strides."""
    usual = choose_usual_rates(config.upsample_kernel_sizes)
    rates = list_possible_rates(config.upsample_kernel_sizes, hop) or (usual,)
    depths = [len(dilations) for dilations in config.dilations]
    published = usual_dilations(depths, paired=config.resblock == "1")
    flat = tuple((1,) * depth for depth in depths)
    powers = tuple(tuple(2**i for i in range(depth)) for depth in depths)
    return (
        FreeChoice(
            "upsample_rates", rates, rates[0], "strides of the upsampling; their product is the hop"
        ),
        FreeChoice(
            "dilations",
            tuple(dict.fromkeys((published, flat, powers))),
            published,
            "dilations of the residual blocks",
        ),
        FreeChoice("slope", (0.1, 0.2, 0.01), 0.1, "negative slope of the leaky ReLUs inside"),
        FreeChoice(
            "final_slope",
            (0.01, 0.1),
            0.01,
            "negative slope of the leaky ReLU before the last convolution",
        ),
        FreeChoice("final_tanh", (True, False), True, "tanh on the output"),
    )


def variants(config: Config) -> tuple[Variant, ...]:
    """The published reading of these sizes."""
    rates = choose_usual_rates(config.upsample_kernel_sizes)
    dilations = usual_dilations(
        [len(row) for row in config.dilations], paired=config.resblock == "1"
    )
    published = replace(
        config,
        upsample_rates=rates,
        dilations=dilations,
        slope=0.1,
        final_slope=0.01,
        final_tanh=True,
    )
    return (Variant("published", published, "jik876/hifi-gan models.py"),)


def variant(config: Config) -> str | None:
    """V1, V2 or V3 of the paper."""
    return next((name for name, published in PUBLISHED.items() if published == config), None)
