"""Names and shapes of T5's encoder. Source: transformers T5EncoderModel."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from auscult.families._plan import Plan, Planner, extract_shapes
from auscult.families._score import SignatureFact
from auscult.families._shapes import Shapes
from auscult.weights import Shape

BLOCK = "encoder.block.{}.layer.{}"
EVIDENCE = (
    SignatureFact(
        "`decoder.block` is here: this is the whole T5, not its encoder alone",
        none_of=("decoder.block.",),
    ),
)

MAX_DISTANCE = 128
"""Tokens; relative positions further apart share a bucket. Not in the tensors, as the norms' epsilon is not."""
NORM_EPS = 1e-6


@dataclass(frozen=True)
class Config:
    """Defaults are t5-base. `gated` is T5 v1.1's feed-forward (`wi_0`, `wi_1`)."""

    vocabulary: int = 32128
    width: int = 768
    layers: int = 12
    heads: int = 12
    inner: int = 768
    hidden: int = 3072
    buckets: int = 32
    gated: bool = False


PUBLISHED = {
    "t5-small": Config(width=512, layers=6, heads=8, inner=512, hidden=2048),
    "t5-base": Config(),
    "t5-large": Config(width=1024, layers=24, heads=16, inner=1024, hidden=4096),
}

TINY = Config(vocabulary=320, width=24, layers=2, heads=3, inner=24, hidden=40)
"""For tests, and for running without weights."""


def infer(shapes: Shapes) -> Config | None:
    """See `auscult.families.signature`."""
    layers = shapes.count("encoder.block.")
    attention = [f"{BLOCK.format(layer, 0)}.SelfAttention" for layer in range(layers)]
    width = shapes.find(
        ("shared.weight", 1),
        ("encoder.final_layer_norm.weight", 0),
        *((f"{name}.q.weight", 1) for name in attention),
    )
    if not layers or not width:
        return None
    feed = [f"{BLOCK.format(layer, 1)}.DenseReluDense" for layer in range(layers)]
    inner = shapes.size(
        *((f"{name}.{part}.weight", 0) for name in attention for part in "qkv"), default=width
    )
    return Config(
        vocabulary=shapes.size(
            ("shared.weight", 0), ("encoder.embed_tokens.weight", 0), default=32128
        ),
        width=width,
        layers=layers,
        heads=shapes.size(
            (f"{attention[0]}.relative_attention_bias.weight", 1), default=max(inner // 64, 1)
        ),
        inner=inner,
        hidden=shapes.size(*((f"{name}.wo.weight", 1) for name in feed), default=4 * width),
        buckets=shapes.size((f"{attention[0]}.relative_attention_bias.weight", 0), default=32),
        gated=any(f"{name}.wi_0.weight" in shapes for name in feed),
    )


@lru_cache(maxsize=8)
def plan(config: Config) -> Plan:
    """See `auscult.families.signature`. The two embeddings are one tensor; most files keep only `shared`."""
    planner = Planner()
    planner.embedding("shared", config.vocabulary, config.width)
    planner.embedding("encoder.embed_tokens", config.vocabulary, config.width, optional=True)
    for layer in range(config.layers):
        name = f"{BLOCK.format(layer, 0)}.SelfAttention"
        for part in "qkv":
            planner.linear(f"{name}.{part}", config.width, config.inner, bias=False)
        planner.linear(f"{name}.o", config.inner, config.width, bias=False)
        if layer == 0:
            planner.embedding(f"{name}.relative_attention_bias", config.buckets, config.heads)
        planner.norm(f"{BLOCK.format(layer, 0)}.layer_norm", config.width, bias=False)
        for part in ("wi_0", "wi_1") if config.gated else ("wi",):
            planner.linear(
                f"{BLOCK.format(layer, 1)}.DenseReluDense.{part}",
                config.width,
                config.hidden,
                bias=False,
            )
        planner.linear(
            f"{BLOCK.format(layer, 1)}.DenseReluDense.wo", config.hidden, config.width, bias=False
        )
        planner.norm(f"{BLOCK.format(layer, 1)}.layer_norm", config.width, bias=False)
    planner.norm("encoder.final_layer_norm", config.width, bias=False)
    return planner.plan


def expected(config: Config) -> dict[str, Shape]:
    """See `auscult.families.signature`."""
    return extract_shapes(plan(config))


def transposed(name: str) -> bool:  # noqa: ARG001 - there is no convolution
    """See `auscult.families.signature`."""
    return False


def undetermined(config: Config) -> Mapping[str, tuple[Any, ...]]:  # noqa: ARG001
    """The reach of the relative positions and the norm's epsilon."""
    return {"max_distance": (MAX_DISTANCE,), "eps": (NORM_EPS,)}


def variant(config: Config) -> str | None:
    """The published sizes."""
    return next((name for name, published in PUBLISHED.items() if published == config), None)
