"""A statically quantised graph as the float graph that it stands for: weights dequantised, activations left as they are.

ONNX Runtime writes it in two forms. QDQ: a QuantizeLinear and a DequantizeLinear between all operators, which compute with floats.
QOperator: operators that take integers, with the scales and zero points of what they take and give among their inputs. In both a
ReLU may be left out whose negative values the rounding cuts off, because its zero point is the smallest integer.

Source: https://onnxruntime.ai/docs/performance/model-optimizations/quantization.html.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from auscult.runtime.onnx.graph import GraphNode, OnnxGraph
from auscult.runtime.onnx.undo_quantisation import (
    NODE_INPUT,
    NODE_NAME,
    NODE_OPERATOR,
    NODE_OUTPUT,
    QuantisationUndoing,
    build_float_model,
    replace_node_fields,
)
from auscult.runtime.onnx.wire_format import encode_field
from auscult.runtime.quantised_weights import RestoreWeight, get_step
from auscult.weights import Tensor

QUANTIZE, DEQUANTIZE = "QuantizeLinear", "DequantizeLinear"
INTEGER_OPERATORS: Mapping[str, tuple[str, tuple[int, ...]]] = {
    "QLinearConv": ("Conv", (0, 3, 8)),
    "QLinearConvTranspose": ("ConvTranspose", (0, 3, 8)),
    "QLinearMatMul": ("MatMul", (0, 3)),
    "QGemm": ("Gemm", (0, 3, 6)),
    "QLinearAdd": ("Add", (0, 3)),
    "QLinearMul": ("Mul", (0, 3)),
    "QLinearLeakyRelu": ("LeakyRelu", (0,)),
    "QLinearSigmoid": ("Sigmoid", (0,)),
    "QLinearGlobalAveragePool": ("GlobalAveragePool", (0,)),
}
"""The float operator, and which inputs of the integer one it takes."""
OUTPUT_ZERO_POINTS = {
    "QLinearConv": 7,
    "QLinearConvTranspose": 7,
    "QLinearMatMul": 7,
    "QGemm": 8,
    "QLinearAdd": 7,
    QUANTIZE: 2,
}
"""Which input is the zero point of what an operator gives, where its negative values may be cut off."""
CUT_OPERATORS = frozenset(
    ("Conv", "ConvTranspose", "Gemm", "MatMul", "Add", "BatchNormalization", *OUTPUT_ZERO_POINTS)
) - {QUANTIZE}
"""Operators behind which a ReLU is left out where the rounding cuts off what is negative."""
CUT_SUFFIX = "~cut"


def is_quantised_statically(graph: OnnxGraph) -> bool:
    """Whether the graph rounds activations by scales that it holds."""
    return any(node.op == QUANTIZE or node.op in INTEGER_OPERATORS for node in graph.nodes)


def undo_static_quantisation(
    graph: OnnxGraph, weights: Mapping[str, Tensor], restore: RestoreWeight
) -> bytes | None:
    """The model with floats in the place of integers; see `undo_quantisation.undo_quantisation`."""
    return build_float_model(StaticUndoing(graph, weights, restore))


class StaticUndoing(QuantisationUndoing):
    """Of a graph that holds the scales of its activations.

    Attributes:
        floats: The tensor of floats that stands for each rounded one.
    """

    def __init__(
        self, graph: OnnxGraph, weights: Mapping[str, Tensor], restore: RestoreWeight
    ) -> None:
        super().__init__(graph, weights, restore)
        self.floats: dict[str, str] = {}

    def build_nodes(self) -> list[bytes]:
        nodes = [data for node in self.graph.nodes for data in self._iter_built(node)]
        nodes += [
            _encode_node("Identity", f"{name}~float", self.floats[name], name)
            for name in self.graph.outputs
            if name in self.floats
        ]
        taken = {name for node in self.graph.nodes for name in node.inputs if name in self.floats}
        self.dropped_names |= taken & set(self.graph.initializers)
        return nodes

    def _iter_built(self, node: GraphNode) -> Iterator[bytes]:
        if node.op in (QUANTIZE, DEQUANTIZE):
            source, output = node.inputs[0], node.outputs[0]
            self.floats[output] = self._name_float(source)
            if node.op == QUANTIZE and self._cuts_negative(node) and self._follows_sum(source):
                yield self._encode_cut(self.makers[source], self.floats[output], output)
                self.floats[output] = f"{output}{CUT_SUFFIX}"
        elif node.op in INTEGER_OPERATORS:
            yield from self._iter_float_operator(node)
        elif node.op.startswith("QLinear"):
            raise KeyError(node.path)
        else:
            inputs = tuple(self._name_float(name) for name in node.inputs)
            data = self.graph.data[node.span[0] : node.span[1]]
            yield replace_node_fields(data, {NODE_INPUT: inputs})

    def _iter_float_operator(self, node: GraphNode) -> Iterator[bytes]:
        operator, places = INTEGER_OPERATORS[node.op]
        inputs = tuple(
            self._name_float(node.inputs[place]) for place in places if place < len(node.inputs)
        )
        yield self.rewrite_node(node, operator, inputs, node.outputs)
        output = node.outputs[0]
        if self._cuts_negative(node):
            yield self._encode_cut(node, output, output)
            self.floats[output] = f"{output}{CUT_SUFFIX}"

    def _encode_cut(self, maker: GraphNode, source: str, output: str) -> bytes:
        """What stands for a ReLU that was left out: in the module of what it follows, or round it where that is a layer."""
        scope = maker.path.rpartition(".")[0]
        if any(self.floats.get(name) in self.arrays for name in maker.inputs):
            scope = scope.rpartition(".")[0]
        own_name = f"Relu{CUT_SUFFIX}.{output.strip('/').replace('/', '_')}"
        name = f"/{scope}/{own_name}" if scope else f"/{own_name}"
        return _encode_node("Relu", name, source, f"{output}{CUT_SUFFIX}")

    def _name_float(self, name: str) -> str:
        """The tensor of floats that stands for this one: a weight times its scale, or what was rounded."""
        if name not in self.floats and name in self.graph.initializers:
            tensor = self.weights.get(name)
            if tensor is not None and tensor.quantization is not None:
                self.floats[name] = self.add_weight(name, tensor.values(), get_step(tensor))
        return self.floats.get(name, name)

    def _cuts_negative(self, node: GraphNode) -> bool:
        """Whether the zero point of what a node gives is the smallest integer."""
        place = OUTPUT_ZERO_POINTS.get(node.op)
        if place is None or place >= len(node.inputs):
            return False
        zero_point = self.weights.get(node.inputs[place])
        if zero_point is None or zero_point.dtype not in ("int8", "uint8", "int16", "uint16"):
            return False
        values = zero_point.numpy()
        return bool((values == np.iinfo(values.dtype).min).all())

    def _follows_sum(self, name: str) -> bool:
        maker = self.makers.get(name)
        return maker is not None and maker.op in CUT_OPERATORS


def _encode_node(operator: str, name: str, source: str, output: str) -> bytes:
    fields = (
        (NODE_INPUT, source),
        (NODE_OUTPUT, output),
        (NODE_NAME, name),
        (NODE_OPERATOR, operator),
    )
    return b"".join(encode_field(number, text.encode()) for number, text in fields)
