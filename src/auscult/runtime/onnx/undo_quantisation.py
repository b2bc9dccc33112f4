"""An int8 dynamic graph as the float graph that it stands for: weights dequantised, activations left as they are.

ONNX Runtime's dynamic quantisation rounds what comes in to 8 bits (DynamicQuantizeLinear), multiplies integers, casts the product,
scales it and adds the bias of a convolution. In the place of these stands again the one operator that they were made of, under
its own name and with its own result.

Source: https://onnxruntime.ai/docs/performance/model-optimizations/quantization.html.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from auscult.checkpoint.onnx_quantised import QUANTIZED_SUFFIX
from auscult.runtime.onnx.graph import ELEMENT_CODES, NAME_SCOPES_KEY, GraphNode, OnnxGraph
from auscult.runtime.onnx.wire_format import encode_field, encode_tag, encode_varint, read_varint
from auscult.runtime.quantised_weights import RestoreWeight, get_step
from auscult.weights import Array, Tensor

INTEGER_PRODUCTS = {"MatMulInteger": "MatMul", "ConvInteger": "Conv"}
ROUNDING_OPERATOR, RECURRENT_OPERATOR = "DynamicQuantizeLinear", "DynamicQuantizeLSTM"
RECURRENT_INPUTS = 8
"""Inputs of an LSTM; the quantised one has scales and zero points behind them."""
NODE_INPUT, NODE_OUTPUT, NODE_NAME, NODE_OPERATOR, NODE_DOMAIN, NODE_NOTE = 1, 2, 3, 4, 7, 9
QUANTISED_NODE_SUFFIX = "_quant"
TENSOR_DIMS, TENSOR_TYPE, TENSOR_NAME, TENSOR_BYTES = 1, 2, 8, 9
FLOAT_SUFFIX = "~float"
"""Ends the name of a weight that the graph has in integers too."""


def is_quantised_dynamically(graph: OnnxGraph) -> bool:
    """Whether an operator of the graph multiplies activations that it rounds while it runs."""
    return any(node.op in (*INTEGER_PRODUCTS, RECURRENT_OPERATOR) for node in graph.nodes)


def undo_quantisation(
    graph: OnnxGraph, weights: Mapping[str, Tensor], restore: RestoreWeight
) -> bytes | None:
    """The model with floats in the place of integers.

    Args:
        weights: The initializers, those with a scale giving their dequantised values.
        restore: What to put in the place of each integer weight.

    Returns:
        None where some operator's integers have no known scale, or another form.
    """
    return build_float_model(DynamicUndoing(graph, weights, restore))


def build_float_model(undoing: QuantisationUndoing) -> bytes | None:
    """The edited model; None where some operator's integers have no known scale, or another form."""
    graph, weights = undoing.graph, undoing.weights
    try:
        nodes = undoing.build_nodes()
    except KeyError:
        return None
    initializers = {
        name: _copy_initializer(graph.data[span[0] : span[1]], weights.get(name))
        for name, span in graph.initializers.items()
        if name not in undoing.dropped_names
    }
    initializers |= {name: encode_tensor(name, array) for name, array in undoing.arrays.items()}
    return graph.build_edited(nodes, initializers.values())


def _copy_initializer(data: bytes, tensor: Tensor | None) -> bytes:
    """An initializer's bytes; with its values, where these are in another file."""
    if tensor is None or tensor.dtype not in ELEMENT_CODES:
        return data
    array = tensor.numpy()
    if len(data) >= array.nbytes:
        return data
    return encode_tensor(tensor.name, array)


class QuantisationUndoing:
    """Collects the float operators and their weights.

    Attributes:
        arrays: New initializers by name.
        dropped_names: Initializers that nothing takes any more.
        makers: The node that gives each tensor.
        takers: The nodes that take it.
    """

    def __init__(
        self, graph: OnnxGraph, weights: Mapping[str, Tensor], restore: RestoreWeight
    ) -> None:
        self.graph, self.weights, self.restore = graph, weights, restore
        self.arrays: dict[str, Array] = {}
        self.dropped_names: set[str] = set()
        self.makers = {name: node for node in graph.nodes for name in node.outputs}
        self.takers: dict[str, list[GraphNode]] = {}
        for node in graph.nodes:
            for name in node.inputs:
                self.takers.setdefault(name, []).append(node)

    def build_nodes(self) -> list[bytes]:
        """The bytes of all nodes.

        Raises:
            KeyError: If integers have no known scale, or go elsewhere than usual.
        """
        raise NotImplementedError

    def add_weight(self, name: str, values: Array, step: Array) -> str:
        """A weight in floats; its new name."""
        stem = name.removesuffix(QUANTIZED_SUFFIX)
        if stem == name or stem in self.graph.initializers:
            stem = f"{name}{FLOAT_SUFFIX}"
        if stem not in self.arrays:
            values = np.ascontiguousarray(values, np.float32)
            self.arrays[stem] = np.ascontiguousarray(self.restore(stem, values, step))
        self.dropped_names |= {name, f"{stem}_scale", f"{stem}_zero_point"}
        return stem

    def rewrite_node(
        self, node: GraphNode, operator: str, inputs: tuple[str, ...], outputs: tuple[str, ...]
    ) -> bytes:
        """A node with another operator; its attributes and notes stay."""
        name = node.name.removesuffix(QUANTISED_NODE_SUFFIX)
        data = replace_node_fields(
            self.graph.data[node.span[0] : node.span[1]],
            {
                NODE_INPUT: inputs,
                NODE_OUTPUT: outputs,
                NODE_NAME: (name,),
                NODE_OPERATOR: (operator,),
                NODE_DOMAIN: (),
            },
        )
        scope = self._find_scope(node, inputs[1:2], outputs)
        return data + (_encode_scope(scope, name) if scope else b"")

    def _find_scope(
        self, node: GraphNode, weights: tuple[str, ...], outputs: tuple[str, ...]
    ) -> str:
        """The module of a node that lost it when it was quantised: its weight's, or that of what takes its result."""
        if "." in node.path or node.name.startswith("/"):
            return ""
        for weight in weights:
            module, _, own_name = weight.rpartition(".")
            if own_name == "weight":
                return module
        for name in outputs:
            for taker in self.takers.get(name, ()):
                if "." in taker.path:
                    return taker.path.rpartition(".")[0]
        return ""


class DynamicUndoing(QuantisationUndoing):
    """Of a graph that rounds what comes into a layer while it runs.

    Attributes:
        floats: What was rounded, by the name of its integers.
        dropped: Paths of nodes that other nodes stand for.
    """

    def __init__(
        self, graph: OnnxGraph, weights: Mapping[str, Tensor], restore: RestoreWeight
    ) -> None:
        super().__init__(graph, weights, restore)
        self.floats = {
            node.outputs[0]: node.inputs[0] for node in graph.nodes if node.op == ROUNDING_OPERATOR
        }
        self.dropped: set[str] = set()

    def build_nodes(self) -> list[bytes]:
        nodes = {node.path: self._build_node(node) for node in self.graph.nodes}
        return [data for path, data in nodes.items() if path not in self.dropped]

    def _build_node(self, node: GraphNode) -> bytes:
        if node.op == ROUNDING_OPERATOR:
            self.dropped.add(node.path)
        elif node.op in INTEGER_PRODUCTS:
            return self._build_product(node)
        elif node.op == RECURRENT_OPERATOR:
            inputs = node.inputs[:RECURRENT_INPUTS]
            names = [self._name_recurrent(name) for name in inputs[1:3]]
            return self.rewrite_node(node, "LSTM", (inputs[0], *names, *inputs[3:]), node.outputs)
        elif any(name in self.floats for name in node.inputs):
            raise KeyError(node.path)
        return self.graph.data[node.span[0] : node.span[1]]

    def _build_product(self, node: GraphNode) -> bytes:
        """A product of floats, in the place of the integers', the cast, the scale and the bias."""
        cast = self._get_taker(node.outputs[0], "Cast")
        scaled = self._get_taker(cast.outputs[0], "Mul")
        other = next(name for name in scaled.inputs if name != cast.outputs[0])
        scales = self.makers[other]
        if scales.op != "Mul":
            raise KeyError(node.path)
        self.dropped |= {cast.path, scaled.path, scales.path}
        inputs = [self._name_float(name) for name in node.inputs[:2]]
        outputs = scaled.outputs
        bias = self._find_bias(node, outputs[0])
        if bias is not None:
            add, reshape = bias
            self.dropped |= {add.path, reshape.path}
            inputs.append(reshape.inputs[0])
            outputs = add.outputs
        return self.rewrite_node(node, INTEGER_PRODUCTS[node.op], tuple(inputs), outputs)

    def _get_taker(self, name: str, operator: str) -> GraphNode:
        takers = self.takers.get(name, [])
        if len(takers) != 1 or takers[0].op != operator:
            raise KeyError(name)
        return takers[0]

    def _find_bias(self, node: GraphNode, name: str) -> tuple[GraphNode, GraphNode] | None:
        """The addition of a convolution's bias, and what gave the bias its axes."""
        takers = self.takers.get(name, [])
        if node.op != "ConvInteger" or len(takers) != 1 or name in self.graph.outputs:
            return None
        add = takers[0]
        reshape = next((self.makers.get(other) for other in add.inputs if other != name), None)
        if add.op != "Add" or reshape is None or reshape.op != "Reshape":
            return None
        bias = self.weights.get(reshape.inputs[0])
        if bias is None or len(bias.shape) != 1:
            return None
        return add, reshape

    def _name_float(self, name: str) -> str:
        """A product's input as floats: what was rounded, or a weight times its scale."""
        if name in self.floats:
            return self.floats[name]
        tensor = self.weights[name]
        if tensor.quantization is None:
            raise KeyError(name)
        return self.add_weight(name, tensor.values(), get_step(tensor))

    def _name_recurrent(self, name: str) -> str:
        """A matrix of an LSTM, [directions, in, 4 * hidden] in integers and [directions, 4 * hidden, in] in floats."""
        tensor = self.weights[name]
        array = tensor.values()
        if array.dtype.kind != "f":
            raise KeyError(name)
        step = np.broadcast_to(get_step(tensor), array.shape)
        return self.add_weight(name, array.swapaxes(1, 2), step.swapaxes(1, 2))


def replace_node_fields(data: bytes, fields: Mapping[int, Sequence[str]]) -> bytes:
    """A node's bytes with other texts in some fields; the others stay."""
    parts = [
        encode_field(number, text.encode()) for number, texts in fields.items() for text in texts
    ]
    position = 0
    while position < len(data):
        start = position
        tag, position = read_varint(data, position)
        length, position = read_varint(data, position)  # every field of a node has a length
        position += length
        if tag >> 3 not in fields:
            parts.append(data[start:position])
    return b"".join(parts)


def _encode_scope(module: str, name: str) -> bytes:
    """The note that torch's newer exporter writes on a node."""
    key = encode_field(1, NAME_SCOPES_KEY.encode())
    return encode_field(NODE_NOTE, key + encode_field(2, repr(["", module, name]).encode()))


def encode_tensor(name: str, array: Array) -> bytes:
    """A TensorProto."""
    dims = b"".join(encode_tag(TENSOR_DIMS, 0) + encode_varint(length) for length in array.shape)
    kind = encode_tag(TENSOR_TYPE, 0) + encode_varint(ELEMENT_CODES[array.dtype.name])
    values = encode_field(TENSOR_BYTES, array.tobytes())
    return dims + kind + encode_field(TENSOR_NAME, name.encode()) + values
