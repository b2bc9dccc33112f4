"""The same implementations with rounded weights: the commonest port of all."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.real_ports.pair import Fault, Pair, Sides
from benchmarks.real_ports.weights import fuse_weight_norms, number_inputs, randomise


def round_mlx(module: str, name: str, dtype: str) -> Pair:
    """The MLX pair of that name with its candidate's weights cast to a type and back."""
    right = _find_pair(module, name)

    def make(folder: Path) -> Sides:
        import mlx.core as mx
        from mlx.utils import tree_map

        sides = right.make(folder)
        rounded = tree_map(
            lambda array: (
                array.astype(getattr(mx, dtype)).astype(mx.float32)
                if mx.issubdtype(array.dtype, mx.floating)
                else array
            ),
            sides.candidate.parameters(),
        )
        sides.candidate.update(rounded)
        return sides

    return Pair(f"{right.name}, weights rounded to {dtype}", make, needs=right.needs, rounded=True)


def quantise_onnx(name: str) -> Pair:
    """The model of that name against its export in dynamic int8."""
    exports = importlib.import_module("benchmarks.real_ports.pairs.exports")

    def make(folder: Path) -> Sides:
        import torch
        from onnxruntime.quantization import QuantType, quantize_dynamic

        model, arguments = exports.MODELS[name]()
        model = randomise(fuse_weight_norms(model))
        file, quantised = folder / "model.onnx", folder / "int8.onnx"
        tensors = tuple(torch.as_tensor(array) for array in arguments)
        with torch.no_grad():
            torch.onnx.export(model, tensors, str(file), dynamo=False, opset_version=20)
        quantize_dynamic(file, quantised, weight_type=QuantType.QInt8)
        return Sides(model, str(quantised), number_inputs(*arguments))

    return Pair(f"{name}: transformers against its ONNX in dynamic int8", make, rounded=True)


def export_faulty(
    name: str,
    fault: Callable[[Any], None],
    places: tuple[str, ...],
    cause: str,
    title: str,
    *,
    dynamo: bool,
) -> Pair:
    """The model of that name against an ONNX export of it with one fault."""
    exports = importlib.import_module("benchmarks.real_ports.pairs.exports")

    def make(folder: Path) -> Sides:
        import copy

        import torch

        model, arguments = exports.MODELS[name]()
        model = randomise(fuse_weight_norms(model))
        exported = copy.deepcopy(model)
        fault(exported)
        file = folder / "model.onnx"
        tensors = tuple(torch.as_tensor(array) for array in arguments)
        with torch.no_grad():
            torch.onnx.export(exported, tensors, str(file), dynamo=dynamo, opset_version=20)
        return Sides(model, str(file), number_inputs(*arguments))

    exporter = "dynamo" if dynamo else "torchscript"
    return Pair(
        f"{name}: transformers against its ONNX, {exporter}, with {title}",
        make,
        (Fault(places, (cause,)),),
        "planted",
        planted=True,
    )


def _find_pair(module: str, name: str) -> Pair:
    family = importlib.import_module(f"benchmarks.real_ports.pairs.{module}")
    return next(pair for pair in family.PAIRS if pair.name.startswith(name))


def lose_query_bias(model: Any) -> None:
    import torch

    model.encoder.layers[1].attention.q_proj.bias = torch.nn.Parameter(torch.zeros(16))


def set_eps(model: Any) -> None:
    model.encoder.layers[0].final_layer_norm.eps = 1e-3


def change_activation(model: Any) -> None:
    import torch

    model.encoder.layers[1].feed_forward.intermediate_act_fn = torch.nn.ReLU()


def set_whisper_norm_eps(model: Any) -> None:
    model.layers[1].self_attn_layer_norm.eps = 1e-3


def set_slope(model: Any) -> None:
    for block in model.resblocks[:2]:
        block.leaky_relu_slope = 0.3


FEED_FORWARD = r"encoder\.layers\.1\.feed_forward(\.intermediate_act_fn|\.output_dense)?"
PAIRS = [
    round_mlx("language_models", "Llama:", "float16"),
    round_mlx("language_models", "Qwen3:", "bfloat16"),
    round_mlx("speech_encoders", "Wav2Vec2, group", "float16"),
    round_mlx("codecs", "EnCodec's decoder", "bfloat16"),
    round_mlx("vocoders", "BigVGAN", "float16"),
    round_mlx("speech_encoders", "FastConformer", "float16"),
    quantise_onnx("HuBERT"),
    quantise_onnx("Whisper's encoder"),
    quantise_onnx("SpeechT5's text encoder"),
    export_faulty(
        "HuBERT",
        lose_query_bias,
        (r"encoder\.layers\.1\.attention\.q_proj",),
        "bias-missing",
        "a bias of zero",
        dynamo=True,
    ),
    export_faulty(
        "WavLM",
        set_eps,
        (r"encoder\.layers\.0\.final_layer_norm",),
        "layer-norm-eps",
        "another eps",
        dynamo=False,
    ),
    export_faulty(
        "Wav2Vec2-Conformer",
        lambda m: setattr(m.encoder.layers[0].final_layer_norm, "eps", 1e-3),
        (r"encoder\.layers\.0\.final_layer_norm",),
        "layer-norm-eps",
        "another eps",
        dynamo=False,
    ),
    export_faulty(
        "HuBERT",
        change_activation,
        (FEED_FORWARD,),
        "activation-wrong",
        "ReLU for GELU",
        dynamo=True,
    ),
    export_faulty(
        "Whisper's encoder",
        set_whisper_norm_eps,
        (r"layers\.1\.self_attn_layer_norm",),
        "layer-norm-eps",
        "another eps",
        dynamo=True,
    ),
    export_faulty(
        "SpeechT5's HiFi-GAN",
        set_slope,
        (r"resblocks\.[01]\..*",),
        "leaky-slope",
        "another slope",
        dynamo=True,
    ),
]
