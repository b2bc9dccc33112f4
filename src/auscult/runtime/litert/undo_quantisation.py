"""An int8 LiteRT model as the float model that it stands for: weights dequantised, activations left as they are.

An operator with float inputs and an int8 weight rounds what comes in while it runs; with a float weight it does not. A weight
that an operator of its own dequantises is handed on as it is by that operator's consumers.

Source: https://ai.google.dev/edge/litert/models/post_training_quantization.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from auscult.runtime.quantised_weights import RestoreWeight, get_step
from auscult.weights import Tensor

FLOAT_OPERATORS = frozenset(
    (
        "FULLY_CONNECTED",
        "CONV_2D",
        "CONV_3D",
        "DEPTHWISE_CONV_2D",
        "TRANSPOSE_CONV",
        "BATCH_MATMUL",
        "EMBEDDING_LOOKUP",
        "DEQUANTIZE",
    )
)
"""Operators that compute with floats and take an integer weight."""


def undo_quantisation(
    data: bytes, weights: Mapping[str, Tensor], restore: RestoreWeight
) -> bytes | None:
    """The model with floats in the place of integers.

    Args:
        data: The file.
        weights: Its constants by name, those with a scale giving their dequantised values.
        restore: What to put in the place of each.

    Returns:
        None where nothing is quantised so.
    """
    import flatbuffers
    from ai_edge_litert import schema_py_generated as schema

    model = schema.ModelT.InitFromPackedBuf(data, 0)
    operators = {number: name for name, number in vars(schema.BuiltinOperator).items()}
    codes = [operators.get(_get_code(code), "") for code in model.operatorCodes]
    changed = 0
    for graph in model.subgraphs:
        indices = _choose_weights(graph, codes, weights, schema)
        for index in indices:
            _write_floats(model, graph.tensors[index], weights, restore, schema)
        changed += len(indices)
    if not changed:
        return None
    builder = flatbuffers.Builder(len(data))
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def _get_code(code: Any) -> int:
    return max(int(code.builtinCode), int(code.deprecatedBuiltinCode))


def _choose_weights(
    graph: Any, codes: list[str], weights: Mapping[str, Tensor], schema: Any
) -> set[int]:
    """The tensors that are integer weights of float operators; operators that dequantise them are taken out."""
    replaced: set[int] = set()
    handed_on: dict[int, int] = {}
    kept = []
    for operator in graph.operators:
        name = codes[operator.opcodeIndex]
        outputs = [graph.tensors[index] for index in operator.outputs]
        if name in FLOAT_OPERATORS and outputs[0].type == schema.TensorType.FLOAT32:
            for index in operator.inputs:
                tensor = weights.get(_get_name(graph.tensors[index])) if index >= 0 else None
                if tensor is not None and tensor.quantization is not None:
                    replaced.add(int(index))
        if name == "DEQUANTIZE" and int(operator.inputs[0]) in replaced:
            handed_on[int(operator.outputs[0])] = int(operator.inputs[0])
        else:
            kept.append(operator)
    for operator in kept:
        operator.inputs = np.array(
            [handed_on.get(int(index), int(index)) for index in operator.inputs], np.int32
        )
    graph.operators = kept
    return replaced


def _get_name(tensor: Any) -> str:
    return bytes(tensor.name).decode()


def _write_floats(
    model: Any, tensor: Any, weights: Mapping[str, Tensor], restore: RestoreWeight, schema: Any
) -> None:
    """Give a tensor the values that stand for its integers, in a buffer of its own."""
    weight = weights[_get_name(tensor)]
    values = weight.values().astype(np.float32)
    array = restore(weight.name, values, get_step(weight)).astype("<f4")
    buffer = schema.BufferT()
    buffer.data = np.frombuffer(array.tobytes(), np.uint8)
    model.buffers.append(buffer)
    tensor.buffer = len(model.buffers) - 1
    tensor.type = schema.TensorType.FLOAT32
    tensor.quantization = None
