"""A small random model in ONNX Runtime's own format: a convolution, a branch, and a quantised matrix."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from tests.checkpoint.flatbuffer_writer import Fields, Scalar, pack

TYPE_NUMBERS = {"float32": 1, "uint8": 2, "int8": 3, "int64": 7, "float16": 10}


def make_tensor(name: str, array: Any) -> Fields:
    """A Tensor with its bytes."""
    return {
        0: name,
        2: np.asarray(array.shape, np.int64),
        3: Scalar("i", TYPE_NUMBERS[array.dtype.name]),
        4: np.frombuffer(array.tobytes(), np.uint8),
    }


def make_node(
    op: str, inputs: list[str], outputs: list[str], attributes: list[Fields] | None = None
) -> Fields:
    """A Node named like its operator."""
    return {0: op.lower(), 5: op, 8: inputs, 9: outputs, 10: attributes or []}


def make_graph(tensors: dict[str, Any], nodes: list[Fields]) -> Fields:
    """A Graph of initializers and nodes."""
    return {0: [make_tensor(name, array) for name, array in tensors.items()], 2: nodes}


def write_model(path: Path, graph: Fields) -> None:
    """Write an InferenceSession."""
    model = {1: [{0: "", 1: Scalar("q", 17)}], 2: "sample", 3: "1", 7: graph}
    path.write_bytes(pack({0: "6", 1: model}, b"ORTM"))


def make(path: Path, seed: int) -> None:
    """Write a random model to `path`."""
    rng = np.random.default_rng(seed)
    out, into, kernel = (int(side) for side in rng.integers(1, 6, 3))
    tensors = {
        "conv.weight": rng.normal(size=(out, into, kernel)).astype(np.float32),
        "conv.bias": rng.normal(size=out).astype(np.float16),
        "linear": rng.integers(-128, 128, (out, 4), np.int8),
        "scale": rng.random(1).astype(np.float32),
        "zero": np.zeros(1, np.int8),
    }
    constant = {0: "value", 2: Scalar("i", 4), 6: make_tensor("", np.ones(2, np.float32))}
    branch = make_graph({"inner": rng.normal(size=3).astype(np.float32)}, [])
    strides = {0: "strides", 2: Scalar("i", 7), 9: np.asarray([2], np.int64)}
    nodes = [
        make_node("Conv", ["x", "conv.weight", "conv.bias"], ["y"], [strides]),
        make_node("DequantizeLinear", ["linear", "scale", "zero"], ["matrix"]),
        make_node("MatMul", ["y", "matrix"], ["z"]),
        make_node("Constant", [], ["slope"], [constant]),
        make_node("PRelu", ["z", "slope"], ["u"]),
        make_node("If", ["u"], ["v"], [{0: "then_branch", 2: Scalar("i", 5), 7: branch}]),
    ]
    write_model(path, make_graph(tensors, nodes))
