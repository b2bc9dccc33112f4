"""Names and shapes of the GRC-LoRA generator."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any

from auscult.families._plan import Plan, Planner, extract_shapes
from auscult.families._rates import choose_usual_rates, list_possible_rates
from auscult.families._score import SignatureFact
from auscult.families._shapes import Shapes
from auscult.families.records import FreeChoice, Variant
from auscult.families.streamspeech_grc_lora.config import Config
from auscult.families.streamspeech_modified import signature as plain
from auscult.weights import Shape

EVIDENCE = (
    SignatureFact(
        "no `lora_conv1`, `norm1` or `channel_attention` in the blocks: they are plain pairs of convolutions",
        any_of=tuple(
            f"mrfs.0.convs.0.{part}"
            for part in ("lora_conv1", "norm1", "channel_attention", "temporal_attention")
        ),
    ),
)


def infer(shapes: Shapes) -> Config | None:
    """See `auscult.families.signature`."""
    frame = plain.infer(shapes)
    if frame is None:
        return None
    block = "mrfs.0.convs.0"
    width = frame.channels[0]
    per_group = shapes.size(
        (f"{block}.conv1.weight", 1), (f"{block}.conv2.weight", 1), default=max(width // 4, 1)
    )
    squeezed = shapes.size(
        (f"{block}.channel_attention.1.weight", 0),
        (f"{block}.channel_attention.1.bias", 0),
        default=max(width // 4, 1),
    )
    if not per_group or not squeezed:
        return None
    branches = len(frame.mrf_kernel_sizes)
    return Config(
        mel_bins=frame.mel_bins,
        channels=frame.channels,
        upsample_kernel_sizes=frame.upsample_kernel_sizes,
        mrf_count=frame.mrf_count,
        branches=branches,
        kernel_size=frame.mrf_kernel_sizes[0],
        groups=max(width // per_group, 1),
        rank=shapes.size(
            (f"{block}.lora_conv1.lora_A", 0), (f"{block}.lora_conv2.lora_A", 0), default=4
        ),
        reduction=max(width // squeezed, 1),
        initial_kernel_size=frame.initial_kernel_size,
        final_kernel_size=frame.final_kernel_size,
        speaker_dim=frame.speaker_dim,
        emotion_dim=frame.emotion_dim,
        upsample_rates=frame.upsample_rates,
        dilations=tuple(2 * branch + 1 for branch in range(branches)),
    )


@lru_cache(maxsize=8)
def plan(config: Config) -> Plan:
    """See `auscult.families.signature`."""
    planner = Planner()
    plain.plan_frame(planner, config)
    for index in range(config.mrf_count):
        for branch in range(config.branches):
            _plan_block(planner, f"mrfs.{index}.convs.{branch}", config.channels[index], config)
    planner.conv1d("final_conv", config.channels[-1], 1, config.final_kernel_size)
    return planner.plan


def _plan_block(planner: Planner, name: str, width: int, config: Config) -> None:
    """The 24 tensors of one GRC-LoRA block."""
    squeezed = max(width // config.reduction, 1)
    for i in (1, 2):
        planner.conv1d(f"{name}.conv{i}", width, width, config.kernel_size, groups=config.groups)
        planner.batch_norm(f"{name}.norm{i}", width)
        planner.tensor(f"{name}.lora_conv{i}.lora_A", (config.rank, width))
        planner.tensor(f"{name}.lora_conv{i}.lora_B", (width, config.rank))
    planner.conv1d(f"{name}.channel_attention.1", width, squeezed, 1)
    planner.conv1d(f"{name}.channel_attention.3", squeezed, width, 1)
    planner.conv1d(f"{name}.temporal_attention.0", width, 1, 1)


def expected(config: Config) -> dict[str, Shape]:
    """See `auscult.families.signature`."""
    return extract_shapes(plan(config))


transposed = plain.transposed


def undetermined(config: Config) -> Mapping[str, tuple[Any, ...]]:
    """See `auscult.families.signature`."""
    return {choice.field: choice.values for choice in choices(config)}


def choices(config: Config, hop: int | None = None) -> tuple[FreeChoice, ...]:
    """What the weights leave open; `hop`, where it is known, narrows the strides."""
    rates = list_possible_rates(config.upsample_kernel_sizes, hop) or (
        choose_usual_rates(config.upsample_kernel_sizes),
    )
    odd, growing = (
        tuple(step(branch) for branch in range(config.branches))
        for step in (lambda b: 2 * b + 1, lambda b: 2**b)
    )
    return (
        FreeChoice(
            "upsample_rates", rates, rates[0], "strides of the upsampling; their product is the hop"
        ),
        FreeChoice(
            "dilations",
            tuple(dict.fromkeys((odd, growing, (1,) * config.branches))),
            odd,
            "dilation of each block",
        ),
        FreeChoice(
            "lora_alpha",
            tuple(dict.fromkeys((1.0, float(config.rank)))),
            1.0,
            "the LoRA branch is scaled by alpha / rank",
        ),
        FreeChoice("clamp", (1.0, 0.0), 1.0, "limit of each block's output (0: none)"),
    )


def variants(config: Config) -> tuple[Variant, ...]:
    """The reading on record."""
    defaults = {
        choice.field: choice.default
        for choice in choices(config)
        if choice.field != "upsample_rates"
    }
    return (
        Variant(
            "inference-code",
            replace(config, **defaults),
            "ronliwag/tool grc_lora.py, integrate_trained_model.py",
        ),
    )


def variant(config: Config) -> str | None:
    """The sizes that the published code builds: 394 tensors."""
    return "394 tensors" if config == Config() else None
