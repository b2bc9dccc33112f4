"""The nodes of an ONNX graph, and edited copies of it, without the onnx package.

Protocol buffers merge a message that comes in several pieces, so that outputs are added by
appending bytes to the model, and a smaller graph is made by joining the bytes of the parts that are
kept. Field numbers: https://github.com/onnx/onnx/blob/main/onnx/onnx.proto.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from auscult.checkpoint.protobuf import ByteSpan, Message
from auscult.checkpoint.source import Source
from auscult.errors import CheckpointError
from auscult.runtime.onnx.wire_format import (
    encode_field,
    encode_span,
    encode_tag,
    encode_varint,
    read_varint,
)
from auscult.weights import Array

MODEL_GRAPH = 7
GRAPH_NODE, GRAPH_NAME, GRAPH_INITIALIZER, GRAPH_INPUT, GRAPH_OUTPUT = 1, 2, 5, 11, 12
INITIALIZER_NAME, VALUE_NAME, NODE_OUTPUT = 8, 1, 2
NAME_SCOPES_KEY = "pkg.torch.onnx.name_scopes"
LAYER_OPERATORS = frozenset(
    ("Gather", "MatMul", "Gemm", "Conv", "ConvTranspose", "LSTM", "GRU", "RNN")
)
OWN_SUFFIX = "~own"
"""Ends the name of what a node gave itself, where something else was fed in its place."""
RANDOM_OPERATORS = frozenset(
    (
        "RandomNormal",
        "RandomNormalLike",
        "RandomUniform",
        "RandomUniformLike",
        "Bernoulli",
        "Multinomial",
    )
)
ELEMENT_CODES = {
    "float32": 1,
    "uint8": 2,
    "int8": 3,
    "uint16": 4,
    "int16": 5,
    "int32": 6,
    "int64": 7,
    "bool": 9,
    "float16": 10,
    "float64": 11,
    "uint32": 12,
    "uint64": 13,
    "bfloat16": 16,
}


@dataclass(frozen=True)
class GraphNode:
    """One operator.

    Attributes:
        path: From its name or the scopes that the exporter noted; unique in the graph.
    """

    path: str
    name: str
    op: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    span: ByteSpan
    attributes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class OnnxGraph:
    """The main graph of a model.

    Attributes:
        inputs: Names of what is fed, without initializers, with their numpy type (None where it has
            none).
        initializers: Where each one's bytes are.
    """

    path: Path
    data: bytes
    nodes: tuple[GraphNode, ...]
    inputs: Mapping[str, str | None]
    outputs: tuple[str, ...]
    initializers: Mapping[str, ByteSpan]
    _header: bytes = b""
    _input_spans: tuple[ByteSpan, ...] = ()
    _output_spans: tuple[ByteSpan, ...] = ()

    def with_outputs(self, names: Iterable[str]) -> bytes:
        """The model with further outputs."""
        values = b"".join(_encode_output(name) for name in names if name not in self.outputs)
        return self.data + encode_field(MODEL_GRAPH, values)

    def without_nodes(
        self, nodes: Iterable[GraphNode], feeds: Mapping[str, Array], outputs: Iterable[str] = ()
    ) -> bytes:
        """The model in which what some nodes give is fed instead.

        Random nodes are left out; others still compute, and their results have names that end in
        OWN and may be asked for.
        """
        fed_nodes = {node.path: node for node in nodes}
        node_bytes = [
            self._slice_span(node.span) for node in self.nodes if node.path not in fed_nodes
        ]
        node_bytes += [
            self._rename_fed_outputs(node, feeds)
            for node in fed_nodes.values()
            if node.op not in RANDOM_OPERATORS
        ]
        values = [encode_field(GRAPH_OUTPUT, self._slice_span(span)) for span in self._output_spans]
        values += [_encode_output(name) for name in outputs if name not in self.outputs]
        inputs = [encode_field(GRAPH_INPUT, self._slice_span(span)) for span in self._input_spans]
        return self._build_model(
            node_bytes,
            self.initializers.values(),
            [*inputs, *map(_encode_input, feeds.items()), *values],
        )

    def _rename_fed_outputs(self, node: GraphNode, feeds: Mapping[str, Array]) -> bytes:
        """A node whose fed results have other names."""
        data = self._slice_span(node.span)
        parts, position = [], 0
        while position < len(data):
            start = position
            tag, position = read_varint(data, position)
            length, position = read_varint(data, position)  # every field of a node has a length
            payload = data[position : position + length]
            position += length
            if tag >> 3 == NODE_OUTPUT and payload.decode() in feeds:
                parts.append(encode_field(NODE_OUTPUT, payload + OWN_SUFFIX.encode()))
            else:
                parts.append(data[start:position])
        return b"".join(parts)

    def list_owned_initializers(self) -> dict[str, list[str]]:
        """Initializers that each node brings together with something computed, by its path.

        What nodes make of initializers alone (a transposed, padded or normalised weight) counts as
        the initializer, unless it is a layer on constant inputs, such as an embedding of positions.
        """
        sources: dict[str, tuple[str, ...]] = {name: (name,) for name in self.initializers}
        owned_by_node: dict[str, list[str]] = {}
        for node in self.nodes:
            input_names = [name for name in node.inputs if name]
            input_sources: list[str] = []
            for name in input_names:
                input_sources += sources.get(name, ())
            if node.op not in LAYER_OPERATORS and all(name in sources for name in input_names):
                distinct_sources = tuple(dict.fromkeys(input_sources))
                sources |= dict.fromkeys(filter(None, node.outputs), distinct_sources)
            elif input_sources:
                owned_by_node[node.path] = list(dict.fromkeys(input_sources))
        return owned_by_node

    def isolate_node(self, node: GraphNode, feeds: Mapping[str, Array]) -> bytes:
        """A model of one node, with the initializers that it takes unless they are fed."""
        own_initializers = [
            self.initializers[name]
            for name in dict.fromkeys(node.inputs)
            if name in self.initializers and name not in feeds
        ]
        values = [_encode_output(name) for name in node.outputs if name]
        return self._build_model(
            [self._slice_span(node.span)],
            own_initializers,
            [*map(_encode_input, feeds.items()), *values],
        )

    def build_edited(self, nodes: Iterable[bytes], initializers: Iterable[bytes]) -> bytes:
        """The model with other nodes and initializers, each a message's bytes; inputs and outputs stay."""
        values = [encode_field(GRAPH_INPUT, self._slice_span(span)) for span in self._input_spans]
        values += [
            encode_field(GRAPH_OUTPUT, self._slice_span(span)) for span in self._output_spans
        ]
        values += [encode_field(GRAPH_INITIALIZER, data) for data in initializers]
        return self._build_model(nodes, (), values)

    def _build_model(
        self,
        nodes: Iterable[bytes],
        initializers: Iterable[ByteSpan],
        other_fields: Iterable[bytes],
    ) -> bytes:
        parts = [encode_field(GRAPH_NODE, node) for node in nodes]
        parts += [encode_field(GRAPH_INITIALIZER, self._slice_span(span)) for span in initializers]
        graph = b"".join([encode_field(GRAPH_NAME, b"part"), *parts, *other_fields])
        return self._header + encode_field(MODEL_GRAPH, graph)

    def _slice_span(self, span: ByteSpan) -> bytes:
        return self.data[span[0] : span[1]]


def read_graph(path: Path) -> OnnxGraph:
    """Read the structure of a model.

    Raises:
        CheckpointError: If the file is no ONNX model.
    """
    model = Message(Source(path))
    graph = model.message(MODEL_GRAPH)
    if graph is None:
        raise CheckpointError("is no ONNX model: it has no graph", where=str(path))
    data = path.read_bytes()
    initializers = {
        message.text(INITIALIZER_NAME): span
        for message, span in _iter_with_spans(graph, GRAPH_INITIALIZER)
    }
    used_paths: set[str] = set()
    nodes = tuple(
        _read_node(message, span, used_paths)
        for message, span in _iter_with_spans(graph, GRAPH_NODE)
    )
    input_types = {
        message.text(VALUE_NAME): _read_input_type(message)
        for message in graph.messages(GRAPH_INPUT)
    }
    header: list[bytes] = []
    for number in (8, 25):
        header += [encode_span(data, number, span) for span in model.spans_of(number)]
    return OnnxGraph(
        path,
        data,
        nodes,
        {name: kind for name, kind in input_types.items() if name not in initializers},
        tuple(message.text(VALUE_NAME) for message in graph.messages(GRAPH_OUTPUT)),
        initializers,
        encode_tag(1, 0) + encode_varint(model.unsigned(1)) + b"".join(header),
        graph.spans_of(GRAPH_INPUT),
        graph.spans_of(GRAPH_OUTPUT),
    )


def _iter_with_spans(graph: Message, number: int) -> Iterator[tuple[Message, ByteSpan]]:
    """The messages of one field, each with the place of its bytes."""
    return zip(graph.messages(number), graph.spans_of(number), strict=True)


def _read_node(message: Message, span: ByteSpan, used_paths: set[str]) -> GraphNode:
    name, op, outputs = message.text(3), message.text(4), tuple(message.texts(2))
    scopes = {entry.text(1): entry.text(2) for entry in message.messages(9)}.get(
        NAME_SCOPES_KEY, ""
    )
    path = _find_scope_path(scopes, name) or name.strip("/").replace("/", ".")
    if not path:
        path = outputs[0] if outputs else op
    path = path.replace("#", "_").replace(":", "_")
    unique, number = path, 1
    while unique in used_paths:
        number += 1
        unique = f"{path}.{number}"
    used_paths.add(unique)
    attributes = {entry.text(1): _read_attribute(entry) for entry in message.messages(5)}
    known_attributes = {name: value for name, value in attributes.items() if value is not None}
    return GraphNode(unique, name, op, tuple(message.texts(1)), outputs, span, known_attributes)


def _read_input_type(value: Message) -> str | None:
    kind = value.message(2)
    tensor = kind and kind.message(1)
    if tensor is None:
        code = 0
    else:
        code = tensor.unsigned(1)
    return next((name for name, number in ELEMENT_CODES.items() if number == code), None)


def _find_scope_path(scopes: str, name: str) -> str:
    """torch's newer exporter notes the modules around a node as a Python list: `['', 'ups.0',
    'conv1d']`.
    """
    try:
        listed_scopes = ast.literal_eval(scopes or "[]")
    except (ValueError, SyntaxError):
        return ""
    if not isinstance(listed_scopes, list):
        return ""
    module_paths = [str(scope) for scope in listed_scopes[:-1] if scope]
    if module_paths:
        return f"{module_paths[-1]}.{name}"
    return ""


def _read_attribute(entry: Message) -> Any:
    """A number, a text or a list of integers; None for anything larger."""
    kind = entry.unsigned(20)
    if kind == 1:
        return entry.float32(2)
    if kind == 2:
        return entry.signed(3)
    if kind == 3:
        return entry.text(4)
    if kind == 7:
        return tuple(entry.integers(8))
    return None


def _encode_output(name: str) -> bytes:
    """A graph output of which the name alone is said."""
    return encode_field(GRAPH_OUTPUT, encode_field(VALUE_NAME, name.encode()))


def _encode_input(item: tuple[str, Array]) -> bytes:
    """A graph input with the type and shape of an array."""
    name, array = item
    dims = b"".join(
        encode_field(1, encode_tag(1, 0) + encode_varint(length)) for length in array.shape
    )
    tensor = (
        encode_tag(1, 0) + encode_varint(ELEMENT_CODES[array.dtype.name]) + encode_field(2, dims)
    )
    return encode_field(
        GRAPH_INPUT,
        encode_field(VALUE_NAME, name.encode()) + encode_field(2, encode_field(1, tensor)),
    )
