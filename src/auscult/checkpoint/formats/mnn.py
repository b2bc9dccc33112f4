"""MNN models: weights of convolutions and linear layers, and constants, with the operator that takes each.

MNN keeps most weights inside the operator. They are named by the operator: `/pre/Conv_output_0.weight`, `.bias`, and a
Const by its own name. A convolution's weight is [out, in / groups, height, width], a transposed one's [in, out / groups,
height, width]; linear layers are 1x1 convolutions. The converter splits a grouped convolution: its parts (`x__group__0`)
are joined again, and it unrolls recurrent layers into a convolution for the input and one, in a subgraph, for the state.
`Contents.modules` speaks of operators as ONNX does where ONNX has the operator. Weights outside the file (`.mnn.weight`)
are read there. Field numbers: https://github.com/alibaba/MNN/tree/master/schema/default.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace

from auscult.checkpoint.beside import open_data_file
from auscult.checkpoint.contents import Contents
from auscult.checkpoint.elements import check_count, check_shape, place_tensor
from auscult.checkpoint.flatbuffer import FlatbufferTable
from auscult.checkpoint.joined_rows import join_rows
from auscult.checkpoint.mnn_graph import (
    CONST,
    MnnOperator,
    describe_operator,
    find_user,
    infer_shape,
    name_kind,
)
from auscult.checkpoint.mnn_idst import MnnPiece, read_compressed
from auscult.checkpoint.source import Source
from auscult.finding import Skip
from auscult.late import numpy as np
from auscult.weights import ModuleInfo, Tensor

FORMAT = "mnn"
CHECKED_WITH = ("MNN 3.6.1",)
UNREAD_PARTS = (
    "sparse weights (IDST coding 2), 3D convolutions, plugins: convert the model again without compression",
    "8-bit integers of `ConvInt8` whose only scale is multiplied with that of the activations",
)
MAX_ROOT_OFFSET = 1 << 16
CONVOLUTION, BLOB, SCALE, SLOPES, NORM, BATCH_NORM, INNER_PRODUCT, SLOPE = (
    *(9, 7, 58, 32, 88, 5, 20, 51),
)
"""Kinds of an operator's parameters (`OpParameter`)."""
UNREAD_PARAMETERS = {
    30: "Plugin",
    67: "TfQuantizedConv2D",
    72: "RNNParam",
    80: "Convolution3D",
    104: "FusedLinearParam",
}
BLOB_TYPES = {
    1: ("float32", 7, 4),
    3: ("int32", 5, 4),
    4: ("uint8", 3, 1),
    6: ("int8", 4, 1),
    9: ("int64", 6, 8),
    14: ("bfloat16", 3, 1),
    19: ("float16", 3, 1),
}
GROUP_NAME = re.compile(r"(.+)__group__(\d+)(\.\w+)")


def sniff(source: Source, head: bytes) -> bool:
    """MNN has no identifier: a flatbuffer by its first offset, called `.mnn`."""
    if source.suffix.lower() != ".mnn" or len(head) < 8:
        return False
    return 4 <= int.from_bytes(head[:4], "little") < MAX_ROOT_OFFSET


def read(source: Source) -> Contents:
    """List what the model holds.

    Raises:
        CheckpointError: If the file is damaged or no model, or its file of weights is missing.
    """
    net = FlatbufferTable.root(source)
    if net.vector(3, 4) is None:
        raise net.error("is no MNN model: it has no operators")
    reader = _MnnReader(source)
    reader.collect_graph(net, 3, net.texts(7), "")
    for subgraph in net.tables(10):
        reader.collect_graph(subgraph, 4, subgraph.texts(3), f"{subgraph.text(0)}.")
    reader.join_groups()
    metadata = {"bizCode": net.text(0), "uuid": net.text(11)}
    return Contents(
        reader.tensors,
        {key: value for key, value in metadata.items() if value},
        skips=tuple(reader.skips),
        modules=reader.modules,
    )


@dataclass
class _MnnReader:
    """What was found in the graphs of a model."""

    source: Source
    tensors: dict[str, Tensor] = field(default_factory=dict)
    skips: list[Skip] = field(default_factory=list)
    modules: dict[str, ModuleInfo] = field(default_factory=dict)
    taken: set[str] = field(default_factory=set)
    externals: dict[str, Source] = field(default_factory=dict)

    def collect_graph(
        self, graph: FlatbufferTable, number: int, names: list[str], prefix: str
    ) -> None:
        """The weights of a graph; `names` are its tensors' by number."""
        operators = [describe_operator(table, names, prefix) for table in graph.tables(number)]
        users: dict[int, tuple[MnnOperator, int]] = {}
        for operator in operators:
            for position, index in enumerate(operator.inputs):
                users.setdefault(index, (operator, position))
        for operator in operators:
            self._collect_operator(operator, users)

    def _collect_operator(
        self, operator: MnnOperator, users: dict[int, tuple[MnnOperator, int]]
    ) -> None:
        kind, parameters = int(operator.table.scalar(1, "B")), operator.table.table(2)
        if parameters is None:
            return
        if kind == CONVOLUTION:
            self._collect_convolution(operator, parameters)
        elif kind == BLOB and operator.kind == CONST:
            self._collect_constant(operator, parameters, users)
        elif kind == INNER_PRODUCT:
            self._collect_linear(operator, parameters)
        elif kind == SLOPE and parameters.scalar(0, "f"):
            slope = np.asarray([parameters.scalar(0, "f")], np.float32)
            self._add(Tensor.of(f"{operator.name}.weight", slope), operator, 1)
        elif kind in VECTOR_FIELDS:
            self._collect_vectors(operator, parameters, kind)
        elif kind in UNREAD_PARAMETERS:
            reason = f"weights in a {UNREAD_PARAMETERS[kind]} of MNN are not read"
            self.skips.append(Skip(operator.name, reason, is_weight=True))

    def _collect_convolution(self, operator: MnnOperator, parameters: FlatbufferTable) -> None:
        common = parameters.table(0)
        if common is None or len(operator.inputs) > 1:  # the weight is another operator's result
            return
        weight = self._locate(operator, parameters, 1, 4, 0)
        quantised = parameters.table(3)
        bias = self._locate(operator, parameters, 2, 4, 1 if quantised is None else 2)
        name = f"{operator.name}.weight"
        if quantised is not None:
            buffer = self._locate(operator, quantised, 0, 1, 0, holder=parameters)
            number, size = (14, 2) if quantised.scalar(15, "b") else (1, 4)
            scales = self._locate(operator, quantised, number, size, 1, holder=parameters)
            shape = infer_shape(operator, common, bias)
            self._add(read_compressed(quantised, buffer, scales, name, shape), operator, 1)
        elif weight.length:
            shape = infer_shape(operator, common, bias, weight.length // 4)
            self._add(self._place(weight, name, "float32", shape), operator, 1)
        elif parameters.table(4) is not None:
            reason = "8-bit integers whose scale is multiplied with that of the activations"
            self.skips.append(Skip(name, reason, is_weight=True))
        if bias.length:
            self._add(self._place_vector(bias, f"{operator.name}.bias"), operator, 2)

    def _collect_linear(self, operator: MnnOperator, parameters: FlatbufferTable) -> None:
        name, out = f"{operator.name}.weight", int(parameters.scalar(0, "i"))
        weight = self._locate(operator, parameters, 3, 4, 0)
        quantised = parameters.table(7)
        if weight.length and out > 0 and weight.length % (4 * out) == 0:
            shape = (out, weight.length // 4 // out)
            self._add(self._place(weight, name, "float32", shape), operator, 1)
        elif quantised is not None and out > 0:
            buffer = self._locate(operator, quantised, 0, 1, 0)
            scales = self._locate(operator, quantised, 1, 4, 1)
            shape = (out, max(int(parameters.scalar(2, "i")) // out, 0))
            self._add(read_compressed(quantised, buffer, scales, name, shape), operator, 1)
        bias = self._locate(operator, parameters, 4, 4, 1)
        if bias.length:
            self._add(self._place_vector(bias, f"{operator.name}.bias"), operator, 2)

    def _collect_vectors(
        self, operator: MnnOperator, parameters: FlatbufferTable, kind: int
    ) -> None:
        for position, (leaf, number) in enumerate(VECTOR_FIELDS[kind].items()):
            piece = self._locate(operator, parameters, number, 4, position)
            if piece.length:
                name = f"{operator.name}.{leaf}"
                self._add(self._place_vector(piece, name), operator, position + 1)

    def _collect_constant(
        self,
        operator: MnnOperator,
        blob: FlatbufferTable,
        users: dict[int, tuple[MnnOperator, int]],
    ) -> None:
        number = int(blob.scalar(2, "i", 1))
        if number not in BLOB_TYPES:
            reason = f"MNN element type {number} is not a number that auscult reads"
            self.skips.append(Skip(operator.name, reason))
            return
        dtype, elements, size = BLOB_TYPES[number]
        piece = self._locate(operator, blob, elements, size, 0)
        sides = [int(side) for side in blob.numbers(0, "i")[:64]]
        shape = check_shape(sides, f'{self.source.where}, tensor "{operator.name[:200]}"')
        user, position = find_user(operator, users)
        self._add(self._place(piece, operator.name, dtype, shape), user, position)

    def _locate(
        self,
        operator: MnnOperator,
        table: FlatbufferTable,
        number: int,
        size: int,
        position: int,
        *,
        holder: FlatbufferTable | None = None,
    ) -> MnnPiece:
        """A vector of numbers: in the model, or, where it is not there, as the piece `position` of the operator's in the file of weights."""
        start, count = table.vector(number, size) or (0, 0)
        external_field = EXTERNAL_FIELDS.get(int(operator.table.scalar(1, "B")))
        if count or external_field is None:
            return MnnPiece(self.source, start, count * size)
        external = [int(number) for number in (holder or table).numbers(external_field, "q")]
        if position + 1 >= len(external):
            return MnnPiece(self.source, 0, 0)
        location = operator.table.text(7) or f"{self.source.name}.weight"
        if location not in self.externals:
            self.externals[location] = open_data_file(self.source, location)
        offset = sum(external[: position + 1])
        self.externals[location].view(offset, external[position + 1])
        return MnnPiece(self.externals[location], offset, external[position + 1])

    @staticmethod
    def _place(piece: MnnPiece, name: str, dtype: str, shape: tuple[int, ...]) -> Tensor:
        span = (piece.start, piece.start + piece.length)
        return place_tensor(piece.source, span, name, dtype, shape)

    def _place_vector(self, piece: MnnPiece, name: str) -> Tensor:
        return self._place(piece, name, "float32", (piece.length // 4,))

    def _add(self, tensor: Tensor | Skip, operator: MnnOperator | None, position: int) -> None:
        """Keep a tensor under a name that is not taken."""
        if isinstance(tensor, Skip):
            self.skips.append(tensor)
            return
        check_count(self.source, len(self.taken))
        name, number = tensor.name, 1
        while name in self.taken:
            number += 1
            name = f"{tensor.name}#{number}"
        self.taken.add(name)
        self.tensors[name] = replace(tensor, name=name)
        if operator is not None:
            attributes = {"node": operator.name, "input": position}
            self.modules[name] = ModuleInfo(name, name_kind(operator), attributes)

    def join_groups(self) -> None:
        """Join the parts of grouped convolutions, which the converter splits, along their first axis."""
        parts: dict[str, dict[int, str]] = {}
        for name in self.tensors:
            match = GROUP_NAME.fullmatch(name)
            if match is not None:
                parts.setdefault(match[1] + match[3], {})[int(match[2][:9])] = name
        for whole, members in parts.items():
            names = [members[index] for index in sorted(members)]
            tensors = [self.tensors[name] for name in names]
            is_complete = sorted(members) == list(range(len(members)))
            is_alike = len({(tensor.shape, tensor.dtype) for tensor in tensors}) == 1
            if is_complete and is_alike and len(tensors) > 1 and whole not in self.tensors:
                self._replace_parts(whole, names, tensors)

    def _replace_parts(self, whole: str, names: list[str], tensors: list[Tensor]) -> None:
        info = self.modules.get(names[0])
        joined = join_rows(whole, tensors)
        result: dict[str, Tensor] = {}
        for name, tensor in self.tensors.items():
            if name == names[0]:
                result[whole] = joined
            elif name not in names:
                result[name] = tensor
        self.tensors = result
        for name in names:
            self.modules.pop(name, None)
        if info is not None:
            attributes = {**info.attributes, "group": len(names)}
            self.modules[whole] = ModuleInfo(whole, info.type, attributes)


VECTOR_FIELDS = {
    SCALE: {"weight": 1, "bias": 2},
    SLOPES: {"weight": 1},
    NORM: {"weight": 2, "bias": 3},
    BATCH_NORM: {"weight": 1, "bias": 4, "running_mean": 2, "running_var": 3},
}
"""Parameters that are vectors, by the name of each and the number of its field."""
EXTERNAL_FIELDS = {CONVOLUTION: 6, BLOB: 9, SCALE: 3, NORM: 5}
"""Field that says where in the file of weights an operator's parameters lie, one behind the other."""
