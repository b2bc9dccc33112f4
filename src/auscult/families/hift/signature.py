"""Names and shapes of the HiFT generator (Chatterbox's `mel2wav`). Source: chatterbox-tts 0.1.7 hifigan.py."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from auscult.families._plan import Plan, Planner, shapes_of
from auscult.families._rates import possible_rates
from auscult.families._score import Evidence
from auscult.families._shapes import Shapes
from auscult.weights import Shape

EVIDENCE = (
    Evidence(
        "no `source_downs` and no `m_source`: HiFT has a source branch",
        any_of=("source_downs.", "m_source.", "source_resblocks."),
    ),
)


@dataclass(frozen=True)
class Config:
    """Defaults are Chatterbox's, 24 kHz.

    Attributes:
        source_kernels: Of the convolutions that bring the source's STFT to each stage's rate; (kernel of the last is 1).
        outputs: Channels of `conv_post`: n_fft + 2, magnitude then phase.
        harmonics: Sines of the source, the fundamental among them.
        f0_layers: In the order of the list `condnet`; `f0_step` is the distance of their indices (2 with ELUs between).
    """

    mel_bins: int = 80
    channels: tuple[int, ...] = (512, 256, 128, 64)
    upsample_kernel_sizes: tuple[int, ...] = (16, 11, 7)
    resblock_kernel_sizes: tuple[int, ...] = (3, 7, 11)
    resblock_depth: int = 3
    source_kernels: tuple[int, ...] = (30, 6, 1)
    source_resblock_kernel_sizes: tuple[int, ...] = (7, 7, 11)
    outputs: int = 18
    harmonics: int = 9
    pre_kernel_size: int = 7
    post_kernel_size: int = 7
    f0_layers: int = 5
    f0_width: int = 512
    f0_step: int = 2


def infer(shapes: Shapes, prefix: str = "") -> Config | None:
    """See `auscult.families.signature`. `prefix` finds the generator inside a larger model."""
    stages, blocks = shapes.count(f"{prefix}ups."), shapes.count(f"{prefix}resblocks.")
    first = shapes.find((f"{prefix}conv_pre.weight", 0), (f"{prefix}conv_pre.bias", 0), (f"{prefix}ups.0.weight", 0))
    if not stages or not blocks or not first:
        return None
    channels = [first]
    for stage in range(stages):
        up = f"{prefix}ups.{stage}"
        channels.append(shapes.size((f"{up}.weight", 1), (f"{up}.bias", 0), default=max(channels[-1] // 2, 1)))
    branches = max(blocks // stages, 1)
    kernels = tuple(
        shapes.size(
            *((f"{prefix}resblocks.{b}.convs1.{i}.weight", 2) for b in range(branch, blocks, branches) for i in (0, 1)), default=3
        )
        for branch in range(branches)
    )
    sources = [f"{prefix}source_resblocks.{stage}.convs1" for stage in range(stages)]
    f0 = f"{prefix}f0_predictor.condnet."
    count = shapes.count(f0)
    # torch keeps convolutions at 0, 2, 4...; a port without the activations in the list at 0, 1, 2...
    step = 1 if shapes.has(f"{f0}1.", f"{f0}3.") else 2
    outputs = shapes.size((f"{prefix}conv_post.weight", 0), (f"{prefix}conv_post.bias", 0), default=18)
    return Config(
        mel_bins=shapes.size((f"{prefix}conv_pre.weight", 1), (f"{f0}0.weight", 1), default=80),
        channels=tuple(channels),
        upsample_kernel_sizes=tuple(shapes.size((f"{prefix}ups.{stage}.weight", 2), default=4) for stage in range(stages)),
        resblock_kernel_sizes=kernels,
        resblock_depth=max(shapes.count(f"{prefix}resblocks.{block}.convs1.") for block in range(blocks)),
        source_kernels=tuple(_source_kernel(shapes, f"{prefix}source_downs.{stage}.weight", outputs) for stage in range(stages)),
        source_resblock_kernel_sizes=tuple(shapes.size((f"{n}.0.weight", 2), (f"{n}.1.weight", 2), default=7) for n in sources),
        outputs=outputs,
        harmonics=shapes.size((f"{prefix}m_source.l_linear.weight", 1), default=9),
        pre_kernel_size=shapes.size((f"{prefix}conv_pre.weight", 2), default=7),
        post_kernel_size=shapes.size((f"{prefix}conv_post.weight", 2), default=7),
        f0_layers=(count - 1) // step + 1 if count else 0,
        f0_width=shapes.size((f"{f0}0.weight", 0), (f"{f0}0.bias", 0), (f"{f0}{step}.bias", 0), default=512) if count else 512,
        f0_step=step,
    )


def _source_kernel(shapes: Shapes, name: str, outputs: int) -> int:
    """The axis that is not `outputs`: of the longest kernel, files exist in which these two axes alone are exchanged."""
    kernel, source = shapes.size((name, 2), default=1), shapes.find((name, 1))
    return source if kernel == outputs and source is not None else kernel


@lru_cache(maxsize=8)
def plan(config: Config) -> Plan:
    """See `auscult.families.signature`."""
    planner = Planner()
    channels, depth = config.channels, config.resblock_depth
    planner.linear("m_source.l_linear", config.harmonics, 1)
    planner.conv1d("conv_pre", config.mel_bins, channels[0], config.pre_kernel_size, norm=True)
    for stage, kernel in enumerate(config.upsample_kernel_sizes):
        planner.conv_transpose1d(f"ups.{stage}", channels[stage], channels[stage + 1], kernel, norm=True)
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
        planner.conv1d(f"f0_predictor.condnet.{layer * config.f0_step}", source, config.f0_width, 3, norm=True)
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
    return shapes_of(plan(config))


def transposed(name: str) -> bool:
    """See `auscult.families.signature`."""
    return name.startswith("ups.")


def undetermined(config: Config) -> Mapping[str, tuple[Any, ...]]:
    """Strides (for Chatterbox 8, 5, 3, so that with the ISTFT's hop of 4 a frame has 480 samples), dilations, slopes."""
    usual = possible_rates(config.upsample_kernel_sizes)
    rates = dict.fromkeys(((8, 5, 3), *usual) if config.upsample_kernel_sizes == Config.upsample_kernel_sizes else usual)
    return {"upsample_rates": tuple(rates), "dilations": ((1, 3, 5),), "istft_hop": (4,), "final_slope": (0.01, 0.1)}


def variant(config: Config) -> str | None:
    """Chatterbox's."""
    return "chatterbox" if config == Config() else None
