"""A small random LiteRT model, packed with the runtime's own schema."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

SUFFIX = ".tflite"


def tensor(
    name: str,
    shape: tuple[int, ...],
    kind: str,
    buffer: int,
    quantization: tuple[Any, Any, int] | None = None,
) -> Any:
    """A tensor of a model; the quantisation is scales, zero points and their axis."""
    result = schema.TensorT()
    result.name, result.shape, result.type, result.buffer = (
        name,
        list(shape),
        getattr(schema.TensorType, kind),
        buffer,
    )
    if quantization is not None:
        scales, zeros, axis = quantization
        result.quantization = schema.QuantizationParametersT()
        result.quantization.scale = np.asarray(scales, np.float32)
        result.quantization.zeroPoint = np.asarray(zeros, np.int64)
        result.quantization.quantizedDimension = axis
    return result


def buffer(array: Any = None) -> Any:
    """A buffer with the bytes of an array."""
    result = schema.BufferT()
    if array is not None:
        result.data = np.frombuffer(
            array if isinstance(array, bytes) else array.tobytes(), np.uint8
        )
    return result


def convolution(inputs: list[int], outputs: list[int], dilation: int) -> Any:
    """A CONV_2D with stride 1 and SAME padding."""
    options = schema.Conv2DOptionsT()
    options.padding, options.strideW, options.strideH = schema.Padding.SAME, 1, 1
    options.dilationWFactor, options.dilationHFactor = dilation, 1
    result = schema.OperatorT()
    result.opcodeIndex, result.inputs, result.outputs = 0, inputs, outputs
    result.builtinOptionsType, result.builtinOptions = schema.BuiltinOptions.Conv2DOptions, options
    return result


def pack(buffers: list[Any], subgraphs: list[Any]) -> bytes:
    """A model with CONV_2D as its only operator."""
    code = schema.OperatorCodeT()
    code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.CONV_2D
    code.version = 1
    model = schema.ModelT()
    model.version, model.operatorCodes, model.subgraphs, model.buffers = (
        3,
        [code],
        subgraphs,
        buffers,
    )
    model.description = "sample"
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def subgraph(
    tensors: list[Any], operators: list[Any], inputs: list[int], outputs: list[int]
) -> Any:
    """A graph of a model."""
    result = schema.SubGraphT()
    result.tensors, result.operators, result.inputs, result.outputs = (
        tensors,
        operators,
        inputs,
        outputs,
    )
    result.name = "main"
    return result


def make(path: Path, seed: int) -> None:
    """Write a random model to `path`: a float convolution, and constants of other types that no operator uses."""
    rng = np.random.default_rng(seed)
    out, into, width = (int(side) for side in rng.integers(1, 6, 3))
    weight, bias = (
        rng.normal(size=(out, 1, 3, into)).astype(np.float32),
        rng.normal(size=out).astype(np.float32),
    )
    bytes_, half = (
        rng.integers(-127, 128, (out, 5), np.int8),
        rng.normal(size=(2, 3)).astype(np.float16),
    )
    nibbles = rng.integers(0, 256, 3, np.uint8)
    tensors = [
        tensor("x", (1, 1, width, into), "FLOAT32", 0),
        tensor("conv/kernel", weight.shape, "FLOAT32", 1),
        tensor("conv/bias", bias.shape, "FLOAT32", 2),
        tensor("y", (1, 1, width, out), "FLOAT32", 0),
        tensor("quantised", bytes_.shape, "INT8", 3, (rng.random(out), np.zeros(out), 0)),
        tensor("half", half.shape, "FLOAT16", 4),
        tensor("half", half.shape, "FLOAT16", 4),
        tensor("nibbles", (5,), "INT4", 5, ([0.5], [0], 0)),
    ]
    graph = subgraph(tensors, [convolution([0, 1, 2], [3], int(rng.integers(1, 3)))], [0], [3])
    path.write_bytes(
        pack(
            [buffer(), buffer(weight), buffer(bias), buffer(bytes_), buffer(half), buffer(nibbles)],
            [graph],
        )
    )
