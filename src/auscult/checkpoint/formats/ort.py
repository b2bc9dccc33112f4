"""ONNX Runtime's own format (`.ort`): the graph of an ONNX model as a flatbuffer, with the same names and operators.

ONNX Runtime writes it after its optimisations, so that operators may be fused (`FusedConv`, `FusedGemm`) and constants
folded. Initializers that it was told to leave in another file are skipped: the format does not say which file.
Field numbers: https://github.com/microsoft/onnxruntime/blob/main/onnxruntime/core/flatbuffers/schema/ort.fbs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from auscult.checkpoint.contents import Contents
from auscult.checkpoint.elements import check_count, check_shape, format_tensor_place, place_tensor
from auscult.checkpoint.flatbuffer import FlatbufferTable
from auscult.checkpoint.onnx_graph import OnnxCollector
from auscult.checkpoint.onnx_quantised import OperatorNode
from auscult.checkpoint.onnx_tensor import DTYPES
from auscult.checkpoint.source import Source
from auscult.finding import Skip
from auscult.late import numpy as np
from auscult.weights import Tensor

FORMAT = "ort"
CHECKED_WITH = ("ONNX Runtime 1.31.1",)
UNREAD_PARTS = ("initializers outside the file: save the model with its data inside",)
IDENTIFIER = b"ORTM"
STRING = 8
"""Element type of text: a constant of the code, never a weight."""
MAX_DEPTH = 32
MAX_LISTED = 64
FLOAT, INTEGER, TEXT, FLOATS, INTEGERS = 1, 2, 3, 6, 7
"""Types of an attribute (`AttributeType`)."""


def sniff(source: Source, head: bytes) -> bool:  # noqa: ARG001 - the identifier is enough
    """The FlatBuffers file identifier is `ORTM`."""
    return head[4:8] == IDENTIFIER


def read(source: Source) -> Contents:
    """List what the model holds.

    Raises:
        CheckpointError: If the file is damaged or holds no model.
    """
    session = FlatbufferTable.root(source)
    model = session.table(1)
    if model is None:
        raise session.error("holds no model")
    reader = _OrtReader()
    graph = model.table(7)
    if graph is not None:
        reader.collect_graph(graph, 0)
    return Contents(
        reader.named(),
        _read_metadata(session, model),
        skips=tuple(reader.skips),
        modules=reader.modules(),
    )


def _read_metadata(session: FlatbufferTable, model: FlatbufferTable) -> dict[str, str]:
    opsets = [f"{entry.text(0) or 'ai.onnx'} {entry.scalar(1, 'q')}" for entry in model.tables(1)]
    metadata = {
        "producer": f"{model.text(2)} {model.text(3)}".strip(),
        "ort_version": session.text(0),
        "opset": ", ".join(opsets[:MAX_LISTED]),
    }
    metadata.update({entry.text(0): entry.text(1) for entry in model.tables(9)})
    return {key: value for key, value in metadata.items() if value}


@dataclass
class _OrtReader(OnnxCollector):
    """Collects tensors and nodes over all graphs of a model."""

    def collect_graph(self, graph: FlatbufferTable, depth: int) -> None:
        """The initializers and nodes of a graph, and those of the branches in it."""
        if depth > MAX_DEPTH:
            raise graph.error(f"has graphs nested deeper than {MAX_DEPTH} levels")
        for initializer in graph.tables(0):
            self._add_tensor(initializer, initializer.text(0))
        for sparse in graph.tables(7):
            values = sparse.table(0)
            name = values.text(0) if values is not None else "sparse_initializer"
            self.skips.append(Skip(name, "sparse tensors are not read", is_weight=True))
        for table in graph.tables(2):
            self._collect_node(table, depth)

    def _collect_node(self, table: FlatbufferTable, depth: int) -> None:
        op, outputs = table.text(5), tuple(table.texts(9))
        attributes: dict[str, Any] = {}
        for attribute in table.tables(10):
            for graph in (attribute.table(7), *attribute.tables(12)):
                if graph is not None:
                    self.collect_graph(graph, depth + 1)
            tensor = attribute.table(6)
            if op == "Constant" and tensor is not None and outputs:
                self.constants.add(outputs[0])
                self._add_tensor(tensor, outputs[0])
            value = _read_plain_attribute(attribute)
            if value is not None:
                attributes[attribute.text(0)] = value
        self.add_node(OperatorNode(op, table.text(0), tuple(table.texts(8)), outputs, attributes))

    def _add_tensor(self, table: FlatbufferTable, name: str) -> None:
        check_count(table.source, len(self.tensors))
        number = int(table.scalar(3, "i"))
        if number == STRING:
            return
        description = _describe_tensor(table, self.unique(name), number)
        if isinstance(description, Skip):
            self.skips.append(description)
        else:
            self.keep(description)


def _describe_tensor(table: FlatbufferTable, name: str, number: int) -> Tensor | Skip:
    dtype = DTYPES.get(number)
    if dtype is None:
        reason = f"ONNX element type {number} is not a number that auscult reads"
        return Skip(name, reason, is_weight=True)
    dims = [int(side) for side in table.numbers(2, "q")[:64]]
    shape = check_shape(dims, format_tensor_place(table.source, name))
    start, count = table.vector(4, 1) or (0, 0)
    if not count and 0 not in shape:
        reason = "kept outside the file; save the model with its data inside"
        return Skip(name, reason, is_weight=True)
    return place_tensor(table.source, (start, start + count), name, dtype, shape)


def _read_plain_attribute(attribute: FlatbufferTable) -> Any:
    """The value of an attribute that is a number, a text or a list of numbers; None of another."""
    kind = int(attribute.scalar(2, "i"))
    if kind == FLOAT:
        return float(attribute.scalar(3, "f"))
    if kind == INTEGER:
        return int(attribute.scalar(4, "q"))
    if kind == TEXT:
        return attribute.text(5)
    if kind == FLOATS:
        return tuple(np.asarray(attribute.numbers(8, "f")).tolist())
    if kind == INTEGERS:
        return tuple(attribute.numbers(9, "q").tolist())
    return None
