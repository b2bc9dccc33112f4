"""Names and shapes of CodeHiFiGAN: HiFi-GAN's, with `dict` and `dur_predictor`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from functools import lru_cache
from typing import Any

from auscult.families._plan import Plan, Planner, extract_shapes
from auscult.families._score import SignatureFact
from auscult.families._shapes import Shapes
from auscult.families.codehifigan.config import Config
from auscult.families.hifigan import signature as hifigan
from auscult.families.records import FreeChoice, Variant
from auscult.weights import Shape

EVIDENCE = (
    SignatureFact(
        "no `dict` and no `dur_predictor`: CodeHiFiGAN embeds units",
        any_of=("dict.", "dur_predictor."),
    ),
    SignatureFact(
        "`source_downs` or `m_source` is here: it has a source branch, as HiFT does",
        none_of=("source_", "m_source."),
    ),
)


def infer(shapes: Shapes) -> Config | None:
    """See `auscult.families.signature`."""
    generator = hifigan.infer(shapes)
    if generator is None:
        return None
    common = {entry.name: getattr(generator, entry.name) for entry in fields(generator)}
    predicts = shapes.has("dur_predictor.")
    hidden = (
        ("dur_predictor.conv1.0.weight", 0),
        ("dur_predictor.conv2.0.weight", 0),
        ("dur_predictor.ln1.weight", 0),
    )
    return Config(
        **common,
        units=shapes.size(("dict.weight", 0), default=1000),
        unit_dim=shapes.size(
            ("dict.weight", 1), ("dur_predictor.conv1.0.weight", 1), default=generator.mel_bins
        ),
        duration_hidden=shapes.size(*hidden, default=128) if predicts else 0,
        duration_kernel_size=shapes.size(
            ("dur_predictor.conv1.0.weight", 2), ("dur_predictor.conv2.0.weight", 2), default=3
        )
        if predicts
        else 3,
    )


@lru_cache(maxsize=8)
def plan(config: Config) -> Plan:
    """See `auscult.families.signature`."""
    planner = Planner()
    planner.include("", hifigan.plan(config))
    planner.embedding("dict", config.units, config.unit_dim)
    hidden = config.duration_hidden
    if hidden:
        planner.conv1d(
            "dur_predictor.conv1.0", config.unit_dim, hidden, config.duration_kernel_size
        )
        planner.norm("dur_predictor.ln1", hidden)
        planner.conv1d("dur_predictor.conv2.0", hidden, hidden, config.duration_kernel_size)
        planner.norm("dur_predictor.ln2", hidden)
        planner.linear("dur_predictor.proj", hidden, 1)
    return planner.plan


def expected(config: Config) -> dict[str, Shape]:
    """See `auscult.families.signature`."""
    return extract_shapes(plan(config))


transposed = hifigan.transposed


def choices(config: Config, hop: int | None = None) -> tuple[FreeChoice, ...]:
    """What the weights leave open; `hop`, samples per unit, narrows the strides."""
    return hifigan.choices(config, hop)


def variants(config: Config) -> tuple[Variant, ...]:
    """The published reading of these sizes."""
    return hifigan.variants(config)


def undetermined(config: Config) -> Mapping[str, tuple[Any, ...]]:
    """See `auscult.families.signature`."""
    return hifigan.undetermined(config)


def variant(config: Config) -> str | None:
    """StreamSpeech's unit vocoder."""
    return "StreamSpeech km1000" if config == Config() else None
