"""Names and shapes of the HiFT generator (Chatterbox's `mel2wav`). Source: chatterbox-tts 0.1.7 hifigan.py."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any

from auscult.families._plan import Plan, Planner, extract_shapes
from auscult.families._rates import choose_usual_rate, list_possible_rates
from auscult.families._score import SignatureFact
from auscult.families._shapes import Shapes
from auscult.families.hift.config import Config
from auscult.families.records import FreeChoice, Variant
from auscult.weights import Shape

EVIDENCE = (
    SignatureFact(
        "no `source_downs` and no `m_source`: HiFT has a source branch",
        any_of=("source_downs.", "m_source.", "source_resblocks."),
    ),
)


def infer(shapes: Shapes, prefix: str = "") -> Config | None:
    """See `auscult.families.signature`. `prefix` finds the generator inside a larger model."""
    stages, blocks = shapes.count(f"{prefix}ups."), shapes.count(f"{prefix}resblocks.")
    first = shapes.find(
        (f"{prefix}conv_pre.weight", 0), (f"{prefix}conv_pre.bias", 0), (f"{prefix}ups.0.weight", 0)
    )
    if not stages or not blocks or not first:
        return None
    channels = [first]
    for stage in range(stages):
        up = f"{prefix}ups.{stage}"
        channels.append(
            shapes.size((f"{up}.weight", 1), (f"{up}.bias", 0), default=max(channels[-1] // 2, 1))
        )
    branches = max(blocks // stages, 1)
    kernels = tuple(
        shapes.size(
            *(
                (f"{prefix}resblocks.{b}.convs1.{i}.weight", 2)
                for b in range(branch, blocks, branches)
                for i in (0, 1)
            ),
            default=3,
        )
        for branch in range(branches)
    )
    sources = [f"{prefix}source_resblocks.{stage}.convs1" for stage in range(stages)]
    f0 = f"{prefix}f0_predictor.condnet."
    count = shapes.count(f0)
    # torch keeps convolutions at 0, 2, 4...; a port without the activations in the list at 0, 1, 2...
    step = 1 if shapes.has(f"{f0}1.", f"{f0}3.") else 2
    outputs = shapes.size(
        (f"{prefix}conv_post.weight", 0), (f"{prefix}conv_post.bias", 0), default=18
    )
    upsample_kernels = tuple(
        shapes.size((f"{prefix}ups.{stage}.weight", 2), default=4) for stage in range(stages)
    )
    source_kernels = tuple(
        _source_kernel(shapes, f"{prefix}source_downs.{stage}.weight", outputs)
        for stage in range(stages)
    )
    depth = max(shapes.count(f"{prefix}resblocks.{block}.convs1.") for block in range(blocks))
    return Config(
        mel_bins=shapes.size((f"{prefix}conv_pre.weight", 1), (f"{f0}0.weight", 1), default=80),
        channels=tuple(channels),
        upsample_kernel_sizes=upsample_kernels,
        resblock_kernel_sizes=kernels,
        resblock_depth=depth,
        source_kernels=source_kernels,
        source_resblock_kernel_sizes=tuple(
            shapes.size((f"{n}.0.weight", 2), (f"{n}.1.weight", 2), default=7) for n in sources
        ),
        outputs=outputs,
        harmonics=shapes.size((f"{prefix}m_source.l_linear.weight", 1), default=9),
        pre_kernel_size=shapes.size((f"{prefix}conv_pre.weight", 2), default=7),
        post_kernel_size=shapes.size((f"{prefix}conv_post.weight", 2), default=7),
        f0_layers=(count - 1) // step + 1 if count else 0,
        f0_width=shapes.size(
            (f"{f0}0.weight", 0), (f"{f0}0.bias", 0), (f"{f0}{step}.bias", 0), default=512
        )
        if count
        else 512,
        f0_step=step,
        upsample_rates=upsampling(upsample_kernels, source_kernels),
        dilations=tuple(2 * i + 1 for i in range(depth)),
    )


def _source_kernel(shapes: Shapes, name: str, outputs: int) -> int:
    """The axis that is not `outputs`: of the longest kernel, files exist in which these two axes alone are exchanged."""
    kernel, source = shapes.size((name, 2), default=1), shapes.find((name, 1))
    return source if kernel == outputs and source is not None else kernel


def upsampling(kernels: tuple[int, ...], source_kernels: tuple[int, ...]) -> tuple[int, ...]:
    """Strides: the first is the usual one; the others follow, for a source kernel is twice what is left to be upsampled.

    A source convolution of kernel 1 has stride 1. Where kernels do not divide so, the usual strides.
    """
    left = [max(kernel // 2, 1) for kernel in source_kernels]
    rates = [choose_usual_rate(kernels[0])]
    for stage in range(1, len(kernels)):
        rate, rest = divmod(left[stage - 1], left[stage])
        rates.append(
            rate if rest == 0 and 1 < rate <= kernels[stage] else choose_usual_rate(kernels[stage])
        )
    return tuple(rates)


@lru_cache(maxsize=8)
def plan(config: Config) -> Plan:
    """See `auscult.families.signature`."""
    planner = Planner()
    channels, depth = config.channels, config.resblock_depth
    planner.linear("m_source.l_linear", config.harmonics, 1)
    planner.conv1d("conv_pre", config.mel_bins, channels[0], config.pre_kernel_size, norm=True)
    for stage, kernel in enumerate(config.upsample_kernel_sizes):
        planner.conv_transpose1d(
            f"ups.{stage}", channels[stage], channels[stage + 1], kernel, norm=True
        )
    for stage, kernel in enumerate(config.source_kernels):
        planner.conv1d(f"source_downs.{stage}", config.outputs, channels[stage + 1], kernel)
    for stage, kernel in enumerate(config.source_resblock_kernel_sizes):
        _plan_resblock(planner, f"source_resblocks.{stage}", channels[stage + 1], kernel, depth)
    block = 0
    for width in channels[1:]:
        for kernel in config.resblock_kernel_sizes:
            _plan_resblock(planner, f"resblocks.{block}", width, kernel, depth)
            block += 1
    planner.conv1d("conv_post", channels[-1], config.outputs, config.post_kernel_size, norm=True)
    for layer in range(config.f0_layers):
        source = config.mel_bins if layer == 0 else config.f0_width
        planner.conv1d(
            f"f0_predictor.condnet.{layer * config.f0_step}", source, config.f0_width, 3, norm=True
        )
    if config.f0_layers:
        planner.linear("f0_predictor.classifier", config.f0_width, 1)
    planner.tensor("stft_window", (config.outputs - 2,), "buffer", optional=True)
    return planner.plan


def _plan_resblock(planner: Planner, name: str, width: int, kernel: int, depth: int) -> None:
    for i in range(depth):
        for part in ("1", "2"):
            planner.conv1d(f"{name}.convs{part}.{i}", width, width, kernel, norm=True)
            planner.tensor(f"{name}.activations{part}.{i}.alpha", (width,))


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
    """What the weights leave open: the first stride, dilations, slopes; `hop`, where it is known, narrows the strides.

    For Chatterbox the strides are 8, 5, 3, so that with the inverse STFT's hop of 4 a frame has 480 samples.
    """
    likely = upsampling(config.upsample_kernel_sizes, config.source_kernels)
    firsts = [rates[0] for rates in list_possible_rates(config.upsample_kernel_sizes)]
    rates = tuple((first, *likely[1:]) for first in dict.fromkeys((likely[0], *firsts)))
    fitting = (
        tuple(row for row in rates if hop is None or replace(config, upsample_rates=row).hop == hop)
        or rates
    )
    odd = tuple(2 * i + 1 for i in range(config.resblock_depth))
    flat = (1,) * config.resblock_depth
    dilations = tuple(dict.fromkeys((odd, flat)))
    return (
        FreeChoice(
            "upsample_rates",
            fitting,
            fitting[0],
            "strides of the upsampling; times the ISTFT's hop they are the hop",
        ),
        FreeChoice("dilations", dilations, odd, "dilations of the residual blocks"),
        FreeChoice(
            "slope",
            (0.1, 0.2, 0.01),
            0.1,
            "negative slope of the leaky ReLU before each upsampling",
        ),
        FreeChoice(
            "final_slope",
            (0.01, 0.1),
            0.01,
            "negative slope of the leaky ReLU before the last convolution",
        ),
    )


def variants(config: Config) -> tuple[Variant, ...]:
    """The published reading of these sizes."""
    defaults = {choice.field: choice.default for choice in choices(config)}
    return (Variant("published", replace(config, **defaults), "chatterbox-tts hifigan.py"),)


def variant(config: Config) -> str | None:
    """Chatterbox's."""
    return "chatterbox" if config == Config() else None
