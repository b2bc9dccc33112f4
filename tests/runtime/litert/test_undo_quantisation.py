"""An int8 LiteRT model as the float model that it stands for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from auscult.runtime.runner import make_runner

schema = pytest.importorskip("ai_edge_litert.schema_py_generated")
flatbuffers = pytest.importorskip("flatbuffers")
CODES = np.array([[127, -64, 3, 0], [5, 127, -20, 9], [-127, 1, 2, 3]], np.int8)
SCALE = 0.01
X = np.array([[1.0, 0.013, -0.5, 0.3]], np.float32)


def make_tensor(name: str, shape: tuple[int, ...], kind: int, buffer: int) -> Any:
    tensor = schema.TensorT()
    tensor.name, tensor.shape, tensor.type, tensor.buffer = name.encode(), shape, kind, buffer
    return tensor


def write_model(path: Path) -> Path:
    """One fully connected layer with an int8 weight and float inputs."""
    weight = make_tensor("weight", CODES.shape, schema.TensorType.INT8, 1)
    weight.quantization = schema.QuantizationParametersT()
    weight.quantization.scale, weight.quantization.zeroPoint = [SCALE], [0]
    float_kind = schema.TensorType.FLOAT32
    graph, code, operator = schema.SubGraphT(), schema.OperatorCodeT(), schema.OperatorT()
    graph.tensors = [make_tensor("x", (1, 4), float_kind, 0), weight]
    graph.tensors.append(make_tensor("y", (1, 3), float_kind, 0))
    code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.FULLY_CONNECTED
    code.version = 3
    operator.opcodeIndex, operator.inputs, operator.outputs = 0, [0, 1, -1], [2]
    operator.builtinOptionsType = schema.BuiltinOptions.FullyConnectedOptions
    operator.builtinOptions = schema.FullyConnectedOptionsT()
    graph.operators, graph.inputs, graph.outputs = [operator], [0], [2]
    stored = schema.BufferT()
    stored.data = np.frombuffer(CODES.tobytes(), np.uint8)
    model = schema.ModelT()
    model.version, model.subgraphs, model.operatorCodes = 3, [graph], [code]
    model.buffers = [schema.BufferT(), stored]
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    path.write_bytes(bytes(builder.Output()))
    return path


def test_the_product_is_that_of_the_dequantised_weight(tmp_path: Path) -> None:
    runner = make_runner(str(write_model(tmp_path / "int8.tflite")))
    undone = runner.without_quantisation()  # type: ignore[attr-defined]
    trace = undone.run({"input": X})
    output = trace.tensor(trace.find("", "output", 0))
    np.testing.assert_allclose(output, X @ (CODES * SCALE).T, rtol=1e-5)


def test_a_float_model_has_nothing_to_undo(tmp_path: Path) -> None:
    runner = make_runner(str(write_model(tmp_path / "int8.tflite")))
    undone = runner.without_quantisation()  # type: ignore[attr-defined]
    assert undone.without_quantisation() is None
