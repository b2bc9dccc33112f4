"""Small ONNX graphs, made by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from auscult.weights import Array
from tests.hand_made import make_noise

Node = tuple[str, list[str], list[str], str]
"""Operator, inputs, outputs, name."""
WEIGHTS = {"w": make_noise(3, 3), "v": make_noise(3, 3, seed=1)}
X = {"x": np.array([[1, 2, 3]], np.float32)}


def write_graph(path: Path, nodes: Sequence[Node], weights: Mapping[str, Array] = WEIGHTS) -> Path:
    """A model of these nodes from `x` [1, 3] to the last node's result."""
    graph = helper.make_graph(
        [helper.make_node(op, ins, outs, name=name) for op, ins, outs, name in nodes],
        "graph",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3])],
        [helper.make_tensor_value_info(nodes[-1][2][0], TensorProto.FLOAT, None)],
        [numpy_helper.from_array(array, name) for name, array in weights.items()],
    )
    opset = helper.make_opsetid("", 17)
    onnx.save(helper.make_model(graph, opset_imports=[opset], ir_version=9), path)
    return path
