"""Names and shapes of the modified StreamSpeech generator."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from auscult.families._plan import Plan, Planner, extract_shapes
from auscult.families._rates import choose_usual_rates
from auscult.families._score import SignatureFact
from auscult.families._shapes import Shapes
from auscult.families.streamspeech_modified.config import Config, choices, variants
from auscult.weights import Shape

__all__ = [
    "EVIDENCE",
    "Config",
    "choices",
    "expected",
    "infer",
    "plan",
    "transposed",
    "undetermined",
    "variant",
    "variants",
]

EVIDENCE = (
    SignatureFact(
        "no `speaker_proj` or `emotion_proj` beside the upsampling",
        any_of=("ups.0.speaker_proj.", "ups.0.emotion_proj."),
    ),
    SignatureFact(
        "`lora_conv1` is here: these are GRC-LoRA blocks",
        none_of=("mrfs.0.convs.0.lora", "mrfs.0.convs.1.lora", "mrfs.1.convs.0.lora"),
    ),
)


def infer(shapes: Shapes) -> Config | None:
    """See `auscult.families.signature`."""
    stages, mrfs = shapes.count("ups."), shapes.count("mrfs.")
    first = shapes.find(
        ("initial_conv.weight", 0),
        ("initial_conv.bias", 0),
        ("ups.0.conv.weight", 0),
        ("mrfs.0.convs.0.conv1.bias", 0),
    )
    mrfs = min(mrfs, stages + 1)  # there is no place for more
    if (
        not stages
        or not mrfs
        or not first
        or not shapes.has("ups.0.conv.", "ups.0.speaker_proj.", "ups.0.emotion_proj.")
    ):
        return None
    channels = [first]
    for stage in range(stages):
        up = f"ups.{stage}"
        places = (
            (f"{up}.conv.weight", 1),
            (f"{up}.conv.bias", 0),
            (f"{up}.speaker_proj.bias", 0),
            (f"{up}.emotion_proj.bias", 0),
        )
        channels.append(shapes.size(*places, default=max(channels[-1] // 2, 1)))
    branches = max(shapes.count(f"mrfs.{index}.convs.") for index in range(mrfs))
    kernels = tuple(
        shapes.size(
            *(
                (f"mrfs.{i}.convs.{branch}.{conv}.weight", 2)
                for i in range(mrfs)
                for conv in ("conv1", "conv2")
            ),
            default=3,
        )
        for branch in range(branches)
    )
    ups = tuple(shapes.size((f"ups.{stage}.conv.weight", 2), default=4) for stage in range(stages))
    width = range(stages)
    return Config(
        mel_bins=shapes.size(("initial_conv.weight", 1), default=80),
        channels=tuple(channels),
        upsample_kernel_sizes=ups,
        mrf_count=mrfs,
        mrf_kernel_sizes=kernels,
        initial_kernel_size=shapes.size(("initial_conv.weight", 2), default=7),
        final_kernel_size=shapes.size(("final_conv.weight", 2), default=7),
        speaker_dim=shapes.size(
            *((f"ups.{stage}.speaker_proj.weight", 1) for stage in width), default=192
        ),
        emotion_dim=shapes.size(
            *((f"ups.{stage}.emotion_proj.weight", 1) for stage in width), default=256
        ),
        upsample_rates=choose_usual_rates(ups),
        dilations=tuple(2**branch for branch in range(branches)),
    )


def plan_frame(planner: Planner, config: Any) -> None:
    """What both generators of this author have in common: the convolutions at both ends and the conditioned upsampling."""
    channels = config.channels
    planner.conv1d("initial_conv", config.mel_bins, channels[0], config.initial_kernel_size)
    for index, kernel in enumerate(config.upsample_kernel_sizes):
        source, target = channels[index], channels[index + 1]
        planner.conv_transpose1d(f"ups.{index}.conv", source, target, kernel)
        planner.linear(f"ups.{index}.speaker_proj", config.speaker_dim, target)
        planner.linear(f"ups.{index}.emotion_proj", config.emotion_dim, target)


@lru_cache(maxsize=8)
def plan(config: Config) -> Plan:
    """See `auscult.families.signature`."""
    planner = Planner()
    plan_frame(planner, config)
    for index in range(config.mrf_count):
        width = config.channels[index]
        for branch, kernel in enumerate(config.mrf_kernel_sizes):
            for conv in ("conv1", "conv2"):
                planner.conv1d(f"mrfs.{index}.convs.{branch}.{conv}", width, width, kernel)
    planner.conv1d("final_conv", config.channels[-1], 1, config.final_kernel_size)
    return planner.plan


def expected(config: Config) -> dict[str, Shape]:
    """See `auscult.families.signature`."""
    return extract_shapes(plan(config))


def transposed(name: str) -> bool:
    """See `auscult.families.signature`."""
    return name.startswith("ups.") and name.endswith(".conv.weight")


def undetermined(config: Config) -> Mapping[str, tuple[Any, ...]]:
    """See `auscult.families.signature`."""
    return {choice.field: choice.values for choice in choices(config)}


def variant(config: Config) -> str | None:
    """The file of 94 tensors that is published."""
    return "94 tensors" if config == Config() else None
