"""ONNX models: initializers, constants of all graphs and functions, external data, and which operator consumes what.

Names are the initializers' (a constant's: the output of its node). A name that comes again, as in two branches of an If,
gets `#2`, `#3` and so on. `Contents.modules` tells the operator that consumes an initializer, its attributes (group,
strides, dilations, pads, transB), the node's name and which input it is; Identity, Cast, Transpose and DequantizeLinear are
looked through, and named in `through`; what a Constant node gives has `constant`. Quantised weights are read as
`onnx_quantised.py` says.

Not listed, because they are operators' parameters and no weights: tensor attributes of other nodes (ConstantOfShape) and
string constants. Field numbers: https://github.com/onnx/onnx/blob/main/onnx/onnx.proto.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from auscult.checkpoint.contents import Contents
from auscult.checkpoint.elements import check_count
from auscult.checkpoint.onnx_graph import OnnxCollector
from auscult.checkpoint.onnx_quantised import OperatorNode
from auscult.checkpoint.onnx_tensor import NAME, read_tensor
from auscult.checkpoint.protobuf import Message
from auscult.checkpoint.source import Source
from auscult.finding import Skip
from auscult.weights import Tensor

FORMAT = "onnx"
CHECKED_WITH = ("onnx 1.23.2", "torch 2.13.0", "ONNX Runtime 1.31.1", "onnxconverter-common 1.16.0")
MAX_LISTED = 64
FLOAT_ATTRIBUTE, INTEGER_ATTRIBUTE, TEXT_ATTRIBUTE, TENSOR_ATTRIBUTE, GRAPH_ATTRIBUTE = (
    2,
    3,
    4,
    5,
    6,
)
FLOATS_ATTRIBUTE, INTEGERS_ATTRIBUTE, GRAPHS_ATTRIBUTE = 7, 8, 11
# tags of ModelProto: number * 8 + wire type
MODEL_TAGS = frozenset((0x08, 0x12, 0x1A, 0x22, 0x28, 0x32, 0x3A, 0x42, 0x72))
NEXT_TAGS = MODEL_TAGS - {0x08, 0x12}


def sniff(source: Source, head: bytes) -> bool:
    """ONNX has no magic: a protocol-buffers message that starts like a ModelProto, told by `.onnx` or by its producer's name."""
    if source.suffix.lower() == ".onnx":
        return head[:1] != b"" and head[0] in MODEL_TAGS
    if len(head) < 6 or head[0] != 0x08 or not 1 <= head[1] < 64 or head[2] != 0x12:
        return False
    name, next_bytes = head[4 : 4 + head[3]], head[4 + head[3] : 5 + head[3]]
    return (
        bool(name)
        and name.isascii()
        and name.decode("ascii").isprintable()
        and bool(next_bytes)
        and next_bytes[0] in NEXT_TAGS
    )


def read(source: Source) -> Contents:
    """List what the model holds.

    Raises:
        CheckpointError: If the file is damaged, or its external data is missing or outside its folder.
    """
    model = Message(source)
    reader = _OnnxReader()
    graph = model.message(7)
    if graph is not None:
        reader.graph(graph)
    for function in model.messages(25):
        reader.nodes(function, 7)
    skips = [Skip("training_info", "graphs for training are not read") for _ in model.spans_of(20)]
    return Contents(
        reader.named(),
        _read_metadata(model, graph),
        skips=(*reader.skips, *skips),
        modules=reader.modules(),
    )


def _read_metadata(model: Message, graph: Message | None) -> dict[str, str]:
    opsets = [f"{entry.text(1) or 'ai.onnx'} {entry.signed(2)}" for entry in model.messages(8)]
    metadata = {
        "producer": f"{model.text(2)} {model.text(3)}".strip(),
        "ir_version": str(model.signed(1)),
        "opset": ", ".join(opsets[:MAX_LISTED]),
        "graph": graph.text(2) if graph else "",
    }
    metadata.update({entry.text(1): entry.text(2) for entry in model.messages(14)})
    return {key: value for key, value in metadata.items() if value}


@dataclass
class _OnnxReader(OnnxCollector):
    """Collects tensors and nodes over all graphs of a model."""

    externals: dict[str, Source] = field(default_factory=dict)

    def graph(self, graph: Message) -> None:
        for initializer in graph.messages(5):
            self.add(initializer, initializer.text(NAME))
        for sparse in graph.messages(15):
            values = sparse.message(1)
            self.skips.append(
                Skip(
                    values.text(NAME) if values else "sparse_initializer",
                    "sparse tensors are not read",
                )
            )
        self.nodes(graph, 1)

    def nodes(self, owner: Message, number: int) -> None:
        for message in owner.messages(number):
            attributes: dict[str, Any] = {}
            op, outputs = message.text(4), tuple(message.texts(2))
            for attribute in message.messages(5):
                self.attribute(attribute, op, outputs, attributes)
            node = OperatorNode(op, message.text(3), tuple(message.texts(1)), outputs, attributes)
            self.add_node(node)

    def attribute(
        self, attribute: Message, op: str, outputs: tuple[str, ...], attributes: dict[str, Any]
    ) -> None:
        if GRAPH_ATTRIBUTE in attribute or GRAPHS_ATTRIBUTE in attribute:
            for graph in (
                *attribute.messages(GRAPH_ATTRIBUTE),
                *attribute.messages(GRAPHS_ATTRIBUTE),
            ):
                self.graph(graph)
        value = _read_plain_attribute(attribute)
        if op != "Constant":
            if value is not None:
                attributes[attribute.text(1)] = value
            return
        name, tensor = outputs[0] if outputs else "", attribute.message(TENSOR_ATTRIBUTE)
        self.constants.add(name)
        if tensor is not None:
            self.add(tensor, name)
        elif isinstance(value, (int, float)) or (isinstance(value, tuple) and value):
            floats = FLOAT_ATTRIBUTE in attribute or FLOATS_ATTRIBUTE in attribute
            self.keep(
                Tensor.of(self.unique(name), np.asarray(value, np.float32 if floats else np.int64))
            )
        else:
            self.skips.append(Skip(name, f"a constant given as {attribute.text(1) or 'nothing'}"))

    def add(self, message: Message, name: str) -> None:
        check_count(message.source, len(self.tensors))
        description = read_tensor(message, self.unique(name), self.externals)
        if isinstance(description, Skip):
            self.skips.append(description)
        else:
            self.keep(description)


def _read_plain_attribute(
    attribute: Message,
) -> int | float | str | tuple[int, ...] | tuple[float, ...] | None:
    """The value of an attribute that is a number, a string or a short list of numbers."""
    if INTEGER_ATTRIBUTE in attribute:
        return attribute.signed(INTEGER_ATTRIBUTE)
    if FLOAT_ATTRIBUTE in attribute:
        return attribute.float32(FLOAT_ATTRIBUTE)
    if TEXT_ATTRIBUTE in attribute:
        return attribute.text(TEXT_ATTRIBUTE)
    if INTEGERS_ATTRIBUTE in attribute:
        return tuple(attribute.integers(INTEGERS_ATTRIBUTE))
    if FLOATS_ATTRIBUTE in attribute:
        return tuple(_iter_floats(attribute))
    return None


def _iter_floats(attribute: Message) -> Iterator[float]:
    for value in attribute.fields[FLOATS_ATTRIBUTE]:
        if isinstance(value, tuple):
            start, end = value
            view = attribute.source.view(start, (end - start) // 4 * 4)
            yield from np.frombuffer(view, "<f4").tolist()
        elif isinstance(value, bytes) and len(value) == 4:
            yield float(np.frombuffer(value, "<f4")[0])
