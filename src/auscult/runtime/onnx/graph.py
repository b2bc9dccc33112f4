"""The nodes of an ONNX graph, and edited copies of it, without the onnx package.

Protocol buffers merge a message that comes in several pieces, so that outputs are added by appending bytes to the model, and a
smaller graph is made by joining the bytes of the parts that are kept. Field numbers:
https://github.com/onnx/onnx/blob/main/onnx/onnx.proto.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from auscult.checkpoint.protobuf import Message, Span
from auscult.checkpoint.source import Source
from auscult.errors import CheckpointError
from auscult.weights import Array

MODEL_GRAPH, GRAPH_NODE, GRAPH_NAME, GRAPH_INITIALIZER, GRAPH_INPUT, GRAPH_OUTPUT = (
    7,
    1,
    2,
    5,
    11,
    12,
)
INITIALIZER_NAME, VALUE_NAME, NODE_OUTPUT, SCOPES = 8, 1, 2, "pkg.torch.onnx.name_scopes"
LAYERS = frozenset(("Gather", "MatMul", "Gemm", "Conv", "ConvTranspose", "LSTM", "GRU", "RNN"))
OWN = "~own"
"""Ends the name of what a node gave itself, where something else was fed in its place."""
RANDOM = frozenset(
    (
        "RandomNormal",
        "RandomNormalLike",
        "RandomUniform",
        "RandomUniformLike",
        "Bernoulli",
        "Multinomial",
    )
)
ELEMENTS = {
    **{
        "float32": 1,
        "uint8": 2,
        "int8": 3,
        "uint16": 4,
        "int16": 5,
        "int32": 6,
        "int64": 7,
        "bool": 9,
    },
    **{"float16": 10, "float64": 11, "uint32": 12, "uint64": 13, "bfloat16": 16},
}


@dataclass(frozen=True)
class Node:
    """One operator.

    Attributes:
        path: From its name or the scopes that the exporter noted; unique in the graph.
    """

    path: str
    name: str
    op: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    span: Span
    attributes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Graph:
    """The main graph of a model.

    Attributes:
        inputs: Names of what is fed, without initializers, with their numpy type (None where it has none).
        initializers: Where each one's bytes are.
    """

    path: Path
    data: bytes
    nodes: tuple[Node, ...]
    inputs: Mapping[str, str | None]
    outputs: tuple[str, ...]
    initializers: Mapping[str, Span]
    _header: bytes = b""
    _input_spans: tuple[Span, ...] = ()
    _output_spans: tuple[Span, ...] = ()

    def with_outputs(self, names: Iterable[str]) -> bytes:
        """The model with further outputs."""
        known = set(self.outputs)
        values = b"".join(
            _piece(GRAPH_OUTPUT, _piece(VALUE_NAME, name.encode()))
            for name in names
            if name not in known
        )
        return self.data + _piece(MODEL_GRAPH, values)

    def without(
        self, nodes: Iterable[Node], feeds: Mapping[str, Array], outputs: Iterable[str] = ()
    ) -> bytes:
        """The model in which what some nodes give is fed instead.

        Random nodes are left out; others still compute, and their results have names that end in OWN and may be asked for.
        """
        held = {node.path: node for node in nodes}
        kept = [self._cut(node.span) for node in self.nodes if node.path not in held]
        kept += [self._apart(node, feeds) for node in held.values() if node.op not in RANDOM]
        known = set(self.outputs)
        values = [_piece(GRAPH_OUTPUT, self._cut(span)) for span in self._output_spans]
        values += [
            _piece(GRAPH_OUTPUT, _piece(VALUE_NAME, name.encode()))
            for name in outputs
            if name not in known
        ]
        inputs = [_piece(GRAPH_INPUT, self._cut(span)) for span in self._input_spans]
        return self._model(
            kept, self.initializers.values(), [*inputs, *map(_fed, feeds.items()), *values]
        )

    def _apart(self, node: Node, feeds: Mapping[str, Array]) -> bytes:
        """A node whose fed results have other names."""
        data = self._cut(node.span)
        parts, place = [], 0
        while place < len(data):
            start = place
            tag, place = _read_varint(data, place)
            length, place = _read_varint(data, place)  # every field of a node has a length
            payload = data[place : place + length]
            place += length
            fed = tag >> 3 == NODE_OUTPUT and payload.decode() in feeds
            parts.append(_piece(NODE_OUTPUT, payload + OWN.encode()) if fed else data[start:place])
        return b"".join(parts)

    def owned(self) -> dict[str, list[str]]:
        """Initializers that each node brings together with something computed, by its path.

        What nodes make of initializers alone (a transposed, padded or normalised weight) counts as the initializer, unless it
        is a layer on constant inputs, such as an embedding of positions.
        """
        sources: dict[str, tuple[str, ...]] = {name: (name,) for name in self.initializers}
        found: dict[str, list[str]] = {}
        for node in self.nodes:
            taken = [name for name in node.inputs if name]
            held = [source for name in taken for source in sources.get(name, ())]
            if node.op not in LAYERS and all(name in sources for name in taken):
                sources |= {name: tuple(dict.fromkeys(held)) for name in node.outputs if name}
            elif held:
                found[node.path] = list(dict.fromkeys(held))
        return found

    def alone(self, node: Node, feeds: Mapping[str, Array]) -> bytes:
        """A model of one node, with the initializers that it takes unless they are fed."""
        own = [
            self.initializers[name]
            for name in dict.fromkeys(node.inputs)
            if name in self.initializers and name not in feeds
        ]
        values = [
            _piece(GRAPH_OUTPUT, _piece(VALUE_NAME, name.encode())) for name in node.outputs if name
        ]
        return self._model([self._cut(node.span)], own, [*map(_fed, feeds.items()), *values])

    def _model(
        self, nodes: Iterable[bytes], initializers: Iterable[Span], rest: Iterable[bytes]
    ) -> bytes:
        parts = [_piece(GRAPH_NODE, node) for node in nodes]
        parts += [_piece(GRAPH_INITIALIZER, self._cut(span)) for span in initializers]
        graph = b"".join([_piece(GRAPH_NAME, b"part"), *parts, *rest])
        return self._header + _piece(MODEL_GRAPH, graph)

    def _cut(self, span: Span) -> bytes:
        return self.data[span[0] : span[1]]


def read_graph(path: Path) -> Graph:
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
        for message, span in zip(
            graph.messages(GRAPH_INITIALIZER), graph.spans_of(GRAPH_INITIALIZER), strict=True
        )
    }
    taken: set[str] = set()
    nodes = tuple(
        _node(message, span, taken)
        for message, span in zip(
            graph.messages(GRAPH_NODE), graph.spans_of(GRAPH_NODE), strict=True
        )
    )
    pairs = list(zip(graph.messages(GRAPH_INPUT), graph.spans_of(GRAPH_INPUT), strict=True))
    header = [
        _piece_of(data, number, span) for number in (8, 25) for span in model.spans_of(number)
    ]
    return Graph(
        path,
        data,
        nodes,
        {
            name: _input_type(message)
            for message, _ in pairs
            if (name := message.text(VALUE_NAME)) not in initializers
        },
        tuple(message.text(VALUE_NAME) for message in graph.messages(GRAPH_OUTPUT)),
        initializers,
        _tag(1, 0) + _varint(model.unsigned(1)) + b"".join(header),
        tuple(span for _, span in pairs),
        graph.spans_of(GRAPH_OUTPUT),
    )


def _node(message: Message, span: Span, taken: set[str]) -> Node:
    name, op, outputs = message.text(3), message.text(4), tuple(message.texts(2))
    scopes = {entry.text(1): entry.text(2) for entry in message.messages(9)}.get(SCOPES, "")
    path = (
        _in_scope(scopes, name)
        or name.strip("/").replace("/", ".")
        or (outputs[0] if outputs else op)
    )
    path = path.replace("#", "_").replace(":", "_")
    unique, number = path, 1
    while unique in taken:
        number += 1
        unique = f"{path}.{number}"
    taken.add(unique)
    attributes = {entry.text(1): _attribute(entry) for entry in message.messages(5)}
    known = {name: value for name, value in attributes.items() if value is not None}
    return Node(unique, name, op, tuple(message.texts(1)), outputs, span, known)


def _input_type(value: Message) -> str | None:
    kind = value.message(2)
    tensor = kind.message(1) if kind is not None else None
    code = tensor.unsigned(1) if tensor is not None else 0
    return next((name for name, number in ELEMENTS.items() if number == code), None)


def _in_scope(scopes: str, name: str) -> str:
    """torch's newer exporter notes the modules around a node as a Python list: `['', 'ups.0', 'conv1d']`."""
    try:
        listed = ast.literal_eval(scopes) if scopes else []
    except (ValueError, SyntaxError):
        return ""
    around = [str(scope) for scope in listed[:-1] if scope] if isinstance(listed, list) else []
    return f"{around[-1]}.{name}" if around else ""


def _attribute(entry: Message) -> Any:
    """A number, a text or a list of integers; None for anything larger."""
    kind = entry.unsigned(20)
    if kind == 1:
        return entry.float32(2)
    if kind == 2:
        return entry.signed(3)
    if kind == 3:
        return entry.text(4)
    return tuple(entry.integers(8)) if kind == 7 else None


def _fed(item: tuple[str, Array]) -> bytes:
    """A graph input with the type and shape of an array."""
    name, array = item
    dims = b"".join(_piece(1, _tag(1, 0) + _varint(length)) for length in array.shape)
    tensor = _tag(1, 0) + _varint(ELEMENTS[array.dtype.name]) + _piece(2, dims)
    return _piece(GRAPH_INPUT, _piece(VALUE_NAME, name.encode()) + _piece(2, _piece(1, tensor)))


def _piece_of(data: bytes, number: int, span: Span) -> bytes:
    return _piece(number, data[span[0] : span[1]])


def _piece(number: int, payload: bytes) -> bytes:
    return _tag(number, 2) + _varint(len(payload)) + payload


def _tag(number: int, wire: int) -> bytes:
    return _varint(number << 3 | wire)


def _read_varint(data: bytes, place: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[place]
        value |= (byte & 0x7F) << shift
        place, shift = place + 1, shift + 7
        if byte < 0x80:
            return value, place


def _varint(value: int) -> bytes:
    found = bytearray()
    while value > 0x7F:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    found.append(value)
    return bytes(found)
