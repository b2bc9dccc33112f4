"""The operators of an MNN graph: their types in ONNX's words, what takes a constant, the shapes of weights."""

from __future__ import annotations

from typing import NamedTuple

from auscult.checkpoint.elements import check_shape
from auscult.checkpoint.flatbuffer import FlatbufferTable
from auscult.checkpoint.mnn_idst import MnnPiece
from auscult.errors import CheckpointError

CONST = 11
TRANSPOSED_TYPES = frozenset((17, 18, 268))
DEPTHWISE_TYPES = frozenset((13, 18, 515))
OPERATORS = {
    **dict.fromkeys((12, 13, 113, 513, 515), "Conv"),
    **dict.fromkeys((17, 18, 268), "ConvTranspose"),
    **dict.fromkeys((30, 31), "Gather"),
    **dict.fromkeys((39, 106), "MatMul"),
    33: "Gemm",
    38: "LSTM",
    69: "PRelu",
    73: "Reshape",
    77: "Scale",
    267: "BatchNormalization",
    603: "LayerNormalization",
}
"""ONNX's names of the types of operators (`OpType`)."""
BINARY_OPERATOR = 7
BINARY_OPERATORS = {0: "Add", 1: "Sub", 2: "Mul", 3: "Div", 7: "Div"}
TRANSPARENT = frozenset((9, 46, 73, 90, 100, 107, 129))
"""Cast, Permute, Reshape, Squeeze, Transpose, Unsqueeze, ConvertTensor."""
MAX_PASSED = 8
# data type of a Blob: name, field of its elements, bytes of one


class MnnOperator(NamedTuple):
    """An `Op` of a graph: its type, name, and the numbers of the tensors that it takes and gives."""

    table: FlatbufferTable
    kind: int
    name: str
    inputs: list[int]
    outputs: list[int]


def describe_operator(table: FlatbufferTable, names: list[str], prefix: str) -> MnnOperator:
    inputs, outputs = table.numbers(0, "i").tolist(), table.numbers(4, "i").tolist()
    name = table.text(3)
    if not name and outputs and 0 <= outputs[0] < len(names):
        name = names[outputs[0]]
    return MnnOperator(
        table, int(table.scalar(5, "i")), prefix + (name or "unnamed"), inputs, outputs
    )


def name_kind(operator: MnnOperator) -> str:
    """The type in ONNX's words, or MNN's number of it."""
    if operator.kind == BINARY_OPERATOR:
        parameters = operator.table.table(2)
        number = int(parameters.scalar(0, "i")) if parameters is not None else 0
        return BINARY_OPERATORS.get(number, f"BinaryOp{number}")
    return OPERATORS.get(operator.kind, f"OpType{operator.kind}")


def find_user(
    operator: MnnOperator, users: dict[int, tuple[MnnOperator, int]]
) -> tuple[MnnOperator | None, int]:
    """The operator that takes a constant, perhaps behind others that only move its elements."""
    current = operator
    for _ in range(MAX_PASSED):
        user, position = next(
            (users[index] for index in current.outputs if index in users), (None, 0)
        )
        if user is None or position or user.kind not in TRANSPARENT:
            return user, position
        current = user
    return None, 0


def infer_shape(
    operator: MnnOperator, common: FlatbufferTable, bias: MnnPiece, count: int | None = None
) -> tuple[int, ...]:
    """The shape of a convolution's weight; the number of its values tells the inputs where it is known.

    Raises:
        CheckpointError: If channels, kernel and the number of values do not fit.
    """
    width, height = int(common.scalar(2, "i", 1)), int(common.scalar(3, "i", 1))
    groups, inputs = int(common.scalar(9, "i", 1)), int(common.scalar(11, "i"))
    outputs = int(common.scalar(10, "i")) or bias.length // 4
    if operator.kind in DEPTHWISE_TYPES:
        groups = outputs
    kernel = width * height
    if min(outputs, groups, kernel) < 1 or outputs % groups:
        raise CheckpointError(
            "has a convolution with an impossible shape",
            where=f"{common.source.where}: {operator.name[:200]}",
            found=f"{outputs} outputs, {groups} groups, kernel {height}x{width}",
            hint="the file is damaged: fetch it again",
        )
    if operator.kind in TRANSPOSED_TYPES:
        inner = outputs // groups
        outer = inputs or groups
        if count is not None:
            outer = count // (inner * kernel)
    else:
        outer, inner = outputs, max(inputs // groups, 1)
        if count is not None:
            inner = count // (outer * kernel)
    return check_shape((outer, inner, height, width), operator.name[:200])
