"""Names and shapes of Vocos for mel and for EnCodec input. Source: gemelo-ai/vocos models.py, heads.py, modules.py."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any, Literal

from auscult.families._plan import Plan, Planner, extract_shapes
from auscult.families._score import SignatureFact
from auscult.families._shapes import Shapes
from auscult.families.records import FreeChoice, Variant
from auscult.families.vocos.config import PUBLISHED, Config
from auscult.weights import Shape

EVIDENCE = (SignatureFact("no `backbone.convnext`", any_of=("backbone.convnext.",)),)


def infer(shapes: Shapes) -> Config | None:
    """See `auscult.families.signature`."""
    layers = shapes.count("backbone.convnext.")
    if not layers:
        return None
    block = [f"backbone.convnext.{layer}" for layer in range(layers)]
    width = shapes.find(
        ("backbone.embed.weight", 0),
        ("backbone.embed.bias", 0),
        *((f"{name}.gamma", 0) for name in block),
    )
    outputs = shapes.size(("head.out.weight", 0), ("head.out.bias", 0), default=1026)
    if not width:
        return None
    bands = shapes.find(
        ("backbone.norm.scale.weight", 0), *((f"{name}.norm.scale.weight", 0) for name in block)
    )
    return Config(
        inputs=shapes.size(("backbone.embed.weight", 1), default=100),
        width=width,
        hidden=shapes.size(*((f"{name}.pwconv1.weight", 0) for name in block), default=3 * width),
        layers=layers,
        kernel_size=shapes.size(
            *((f"{name}.dwconv.weight", 2) for name in block),
            ("backbone.embed.weight", 2),
            default=7,
        ),
        n_fft=outputs - 2,
        bandwidths=bands or 0,
        codebook_rows=shapes.find(("feature_extractor.codebook_weights", 0)) or 0,
        mel_n_fft=shapes.find(("feature_extractor.mel_spec.spectrogram.window", 0)) or 0,
        layer_scale=any(f"{name}.gamma" in shapes for name in block),
        hop_length=(outputs - 2) // 4,
        padding=usual_padding(bool(bands)),
    )


@lru_cache(maxsize=8)
def plan(config: Config) -> Plan:
    """See `auscult.families.signature`."""
    planner = Planner()
    if config.mel_n_fft:
        planner.tensor(
            "feature_extractor.mel_spec.spectrogram.window",
            (config.mel_n_fft,),
            "buffer",
            optional=True,
        )
        bins = config.mel_n_fft // 2 + 1
        planner.tensor(
            "feature_extractor.mel_spec.mel_scale.fb",
            (bins, config.inputs),
            "buffer",
            optional=True,
        )
    if config.codebook_rows:
        planner.tensor(
            "feature_extractor.codebook_weights", (config.codebook_rows, config.inputs), "codebook"
        )
    planner.conv1d("backbone.embed", config.inputs, config.width, config.kernel_size)
    _plan_norm(planner, "backbone.norm", config)
    for layer in range(config.layers):
        name = f"backbone.convnext.{layer}"
        if config.layer_scale:
            planner.tensor(f"{name}.gamma", (config.width,))
        planner.conv1d(
            f"{name}.dwconv", config.width, config.width, config.kernel_size, groups=config.width
        )
        _plan_norm(planner, f"{name}.norm", config)
        planner.linear(f"{name}.pwconv1", config.width, config.hidden)
        planner.linear(f"{name}.pwconv2", config.hidden, config.width)
    planner.norm("backbone.final_layer_norm", config.width)
    planner.linear("head.out", config.width, config.n_fft + 2)
    planner.tensor("head.istft.window", (config.n_fft,), "buffer", optional=True)
    return planner.plan


def _plan_norm(planner: Planner, name: str, config: Config) -> None:
    if config.bandwidths:
        planner.embedding(f"{name}.scale", config.bandwidths, config.width)
        planner.embedding(f"{name}.shift", config.bandwidths, config.width)
    else:
        planner.norm(name, config.width)


def expected(config: Config) -> dict[str, Shape]:
    """See `auscult.families.signature`."""
    return extract_shapes(plan(config))


def transposed(name: str) -> bool:  # noqa: ARG001 - Vocos has no transposed convolution
    """See `auscult.families.signature`."""
    return False


def usual_padding(is_adaptive: bool) -> Literal["center", "same"]:
    """Of the published models: the one for mel is centred, the one for EnCodec, with adaptive norms, is not."""
    if is_adaptive:
        return "same"
    return "center"


def undetermined(config: Config) -> Mapping[str, tuple[Any, ...]]:
    """See `auscult.families.signature`."""
    return {choice.field: choice.values for choice in choices(config)}


def choices(config: Config, hop: int | None = None) -> tuple[FreeChoice, ...]:
    """What the weights leave open; `hop`, where it is known, is the only hop."""
    hops = (config.n_fft // 4, config.n_fft // 2) if hop is None else (hop,)
    usual = usual_padding(config.bandwidths > 0)
    return (
        FreeChoice("hop_length", hops, hops[0], "samples from frame to frame of the inverse STFT"),
        FreeChoice(
            "padding",
            ("center", "same"),
            usual,
            "whether the first frame lies about the first sample, or half a window is cut off",
        ),
    )


def variants(config: Config) -> tuple[Variant, ...]:
    """The published reading of these sizes."""
    defaults = {choice.field: choice.default for choice in choices(config)}
    return (Variant("published", replace(config, **defaults), "gemelo-ai/vocos heads.py"),)


def variant(config: Config) -> str | None:
    """The published mel and EnCodec models."""
    return next((name for name, published in PUBLISHED.items() if published == config), None)
