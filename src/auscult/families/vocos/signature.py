"""Names and shapes of Vocos for mel and for EnCodec input. Source: gemelo-ai/vocos models.py, heads.py, modules.py."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from auscult.families._plan import Plan, Planner, extract_shapes
from auscult.families._score import SignatureFact
from auscult.families._shapes import Shapes
from auscult.weights import Shape

EVIDENCE = (SignatureFact("no `backbone.convnext`", any_of=("backbone.convnext.",)),)


@dataclass(frozen=True)
class Config:
    """Defaults are vocos-mel-24khz.

    Attributes:
        n_fft: Of the inverse STFT; the head has n_fft + 2 outputs.
        bandwidths: Rows of the adaptive layer norms; 0 for plain ones.
        codebook_rows: Of the EnCodec features; 0 where the input is mel.
        mel_n_fft: Of the mel front end, where its buffers are in the file; 0 otherwise.
    """

    inputs: int = 100
    width: int = 512
    hidden: int = 1536
    layers: int = 8
    kernel_size: int = 7
    n_fft: int = 1024
    bandwidths: int = 0
    codebook_rows: int = 0
    mel_n_fft: int = 1024
    layer_scale: bool = True


PUBLISHED = {
    "mel, 24 kHz": Config(),
    "encodec, 24 kHz": Config(
        inputs=128,
        width=384,
        hidden=1152,
        n_fft=1280,
        bandwidths=4,
        codebook_rows=16384,
        mel_n_fft=0,
    ),
}


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


def undetermined(config: Config) -> Mapping[str, tuple[Any, ...]]:
    """The hop, how the STFT is padded, and how the log-mel was made."""
    return {"hop_length": (config.n_fft // 4, config.n_fft // 2), "padding": ("center", "same")}


def variant(config: Config) -> str | None:
    """The published mel and EnCodec models."""
    return next((name for name, published in PUBLISHED.items() if published == config), None)
