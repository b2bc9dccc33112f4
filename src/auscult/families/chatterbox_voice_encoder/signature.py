"""Names and shapes of Chatterbox's voice encoder. Source: chatterbox-tts 0.1.7."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from auscult.families._plan import Plan, Planner, extract_shapes
from auscult.families._score import SignatureFact
from auscult.families._shapes import Shapes
from auscult.families.chatterbox_voice_encoder.config import Config
from auscult.weights import Shape

LSTM = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
EVIDENCE = (SignatureFact("no `lstm`", any_of=("lstm.",)),)


def infer(shapes: Shapes) -> Config | None:
    """See `auscult.families.signature`."""
    layers = max(
        (
            layer + 1
            for layer in range(16)
            if shapes.has(*(f"lstm.{part}_l{layer}" for part in LSTM))
        ),
        default=0,
    )
    gates = shapes.find(*((f"lstm.{part}_l{layer}", 0) for layer in range(layers) for part in LSTM))
    if not gates or gates < 4:
        return None
    hidden = gates // 4
    return Config(
        mel_bins=shapes.size(("lstm.weight_ih_l0", 1), default=40),
        hidden=hidden,
        layers=layers,
        embedding=shapes.size(("proj.weight", 0), ("proj.bias", 0), default=256),
    )


@lru_cache(maxsize=8)
def plan(config: Config) -> Plan:
    """See `auscult.families.signature`."""
    planner = Planner()
    planner.tensor("similarity_weight", (1,))
    planner.tensor("similarity_bias", (1,))
    planner.lstm("lstm", config.mel_bins, config.hidden, config.layers)
    planner.linear("proj", config.hidden, config.embedding)
    return planner.plan


def expected(config: Config) -> dict[str, Shape]:
    """See `auscult.families.signature`."""
    return extract_shapes(plan(config))


def transposed(name: str) -> bool:  # noqa: ARG001 - there is no convolution
    """See `auscult.families.signature`."""
    return False


def undetermined(config: Config) -> Mapping[str, tuple[Any, ...]]:  # noqa: ARG001
    """The ReLU after the projection."""
    return {"final_relu": (True, False)}


def variant(config: Config) -> str | None:
    """Chatterbox's."""
    return "chatterbox" if config == Config() else None
