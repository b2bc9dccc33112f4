"""A small random ONNX model: raw and typed initializers, a constant, a branch with its own, and a quantised weight."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


def model(seed: int) -> onnx.ModelProto:
    """A convolution, a branch, and a linear layer whose weight is quantised."""
    rng = np.random.default_rng(seed)
    out, into, kernel = (int(side) for side in rng.integers(1, 6, 3))
    weight = rng.normal(size=(out, into, kernel)).astype(np.float32)
    bias = rng.normal(size=out).astype(np.float32)
    initializers = [
        numpy_helper.from_array(weight, "conv.weight"),
        helper.make_tensor("conv.bias", TensorProto.FLOAT, [out], bias),
        helper.make_tensor("steps", TensorProto.INT64, [3], [-1, 0, int(rng.integers(1, 1 << 40))]),
        helper.make_tensor("half", TensorProto.FLOAT16, [2, 2], rng.normal(size=4)),
        helper.make_tensor("small", TensorProto.INT4, [3], [-8, 7, 1]),
        numpy_helper.from_array(rng.integers(-128, 128, (into, 4), np.int8), "linear.weight"),
        numpy_helper.from_array(rng.random(4).astype(np.float32), "linear.scale"),
        numpy_helper.from_array(np.zeros(4, np.int8), "linear.zero"),
    ]
    constant = helper.make_node(
        "Constant", [], ["slope"], value=numpy_helper.from_array(rng.normal(size=2))
    )
    inner = helper.make_graph(
        [helper.make_node("Identity", ["gain"], ["z"])], "then", [], [_output("z")], [_gain(rng)]
    )
    other = helper.make_graph(
        [helper.make_node("Identity", ["gain"], ["w"])], "else", [], [_output("w")], [_gain(rng)]
    )
    nodes = [
        helper.make_node(
            "Conv",
            ["x", "conv.weight", "conv.bias"],
            ["y"],
            name="/conv/Conv",
            dilations=[2],
            group=1,
            strides=[3],
        ),
        constant,
        helper.make_node("If", ["flag"], ["g"], then_branch=inner, else_branch=other),
        helper.make_node(
            "DequantizeLinear",
            ["linear.weight", "linear.scale", "linear.zero"],
            ["linear.float"],
            axis=1,
        ),
        helper.make_node("MatMul", ["y", "linear.float"], ["out"], name="/linear/MatMul"),
    ]
    graph = helper.make_graph(
        nodes, f"sample{seed}", [_output("x")], [_output("out")], initializers
    )
    return helper.make_model(
        graph, producer_name="sample", opset_imports=[helper.make_opsetid("", 21)]
    )


def _output(name: str) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, None)


def _gain(rng: np.random.Generator) -> onnx.TensorProto:
    return numpy_helper.from_array(rng.normal(size=(1, 2)).astype(np.float32), "gain")


def make(path: Path, seed: int) -> None:
    """Write a random model to `path`."""
    onnx.save(model(seed), path)
