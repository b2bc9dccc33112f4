"""One fault planted in a real port: what the tool is asked for most."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.real_ports.pair import Fault, Pair, Sides


def plant(
    module: str,
    name: str,
    change: Callable[[Any], None],
    fault: Fault,
    title: str,
) -> Pair:
    """The pair of that name with a change made to its candidate."""
    family = importlib.import_module(f"benchmarks.real_ports.pairs.{module}")
    right = next(pair for pair in family.PAIRS if pair.name.startswith(name))

    def make(folder: Path) -> Sides:
        sides = right.make(folder)
        change(sides.candidate)
        return sides

    return Pair(
        f"{right.name}, with {title}",
        make,
        (*right.faults, fault),
        "planted",
        needs=right.needs,
        planted=True,
        same_weights=title != "a bias of zero",
    )


def lose_bias(port: Any) -> None:
    """The query's bias of the second layer."""
    import mlx.core as mx

    projection = port.layers[1].self_attn.q_proj
    projection.bias = mx.zeros_like(projection.bias)


def set_norm_eps(port: Any) -> None:
    port.layers[0].input_layernorm.eps = 1e-2


def turn_rope(port: Any) -> None:
    for layer in port.layers:
        layer.self_attn.rope.traditional = True


def set_dilation(port: Any) -> None:
    port.decoder.model.layers[1].block.layers[3].block.layers[1].dilation = 2
    port.decoder.model.layers[1].block.layers[3].block.layers[1].padding = 6


def widen_gelu(port: Any) -> None:
    from mlx import nn

    for layer in port.encoder.layers:
        layer.feed_forward.intermediate_act_fn = nn.GELU(approx="tanh")


def scale_attention(port: Any) -> None:
    for layer in port.layers:
        layer.self_attn.scale = 1.0 / layer.self_attn.head_dim


def set_slope(port: Any) -> None:
    port.config.leaky_relu_slope = 0.01
    for block in port.resblocks:
        block.leaky_relu_slope = 0.2


def set_batch_norm_eps(port: Any) -> None:
    port.layers[1].conv.batch_norm.eps = 1e-2


PAIRS = [
    plant(
        "language_models",
        "Qwen2:",
        lose_bias,
        Fault((r"model\.layers\.1\.self_attn\.q_proj",), ("bias-missing",)),
        "a bias of zero",
    ),
    plant(
        "language_models",
        "Llama:",
        set_norm_eps,
        Fault((r"model\.layers\.0\.input_layernorm",), ("layer-norm-eps",)),
        "another eps",
    ),
    plant(
        "language_models",
        "Qwen3:",
        turn_rope,
        Fault((r"model\.layers\.\d\.self_attn(\.o_proj)?",), ("rope-convention",)),
        "rotary positions in pairs",
    ),
    plant(
        "codecs",
        "DAC:",
        set_dilation,
        Fault((r"decoder\.model\.1\.block\.3\.block\.1",), ("dilation",)),
        "another dilation",
    ),
    plant(
        "speech_encoders",
        "Wav2Vec2, layer",
        widen_gelu,
        Fault(
            (r"encoder\.layers\.\d\.feed_forward(\.intermediate_act_fn|\.output_dense)?",),
            ("gelu-variant",),
        ),
        "GELU's tanh form",
    ),
    plant(
        "speech_encoders",
        "Moonshine",
        scale_attention,
        Fault((r"layers\.\d\.self_attn(\.o_proj)?",), ("attention-scale",)),
        "another scale of attention",
    ),
    plant(
        "vocoders",
        "HiFi-GAN:",
        set_slope,
        Fault(
            (r"resblocks\..*", r"conv_post|ups\..*"),
            ("leaky-slope",),
        ),
        "other slopes",
    ),
    plant(
        "speech_encoders",
        "FastConformer",
        set_batch_norm_eps,
        Fault((r"layers\.1\.conv\.norm",), ("layer-norm-eps",)),
        "another eps of a batch norm",
    ),
]
