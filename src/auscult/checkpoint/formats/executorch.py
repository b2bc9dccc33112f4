"""ExecuTorch: tensors of a `.ptd` by name, and constants of a program `.pte` with the operator that takes each.

Constants of a program have the names that it keeps of them, else `constant_N` with their number. What was compiled for a
backend (XNNPACK, Core ML, ...) is in that backend's own form and is skipped; so are tensors that a program expects in a
`.ptd`. `Contents.modules` speaks of operators as ONNX does where ONNX has the operator.
Field numbers: https://github.com/pytorch/executorch/blob/main/schema/program.fbs and
https://github.com/pytorch/executorch/blob/main/extension/flat_tensor/serialize/flat_tensor.fbs.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from auscult.checkpoint.contents import Contents
from auscult.checkpoint.elements import (
    check_count,
    check_shape,
    count_stored_bytes,
    format_tensor_place,
    place_tensor,
)
from auscult.checkpoint.file_array import FileArray, contiguous_strides
from auscult.checkpoint.flatbuffer import FlatbufferTable
from auscult.checkpoint.source import Source
from auscult.finding import Skip
from auscult.weights import ModuleInfo, Shape, Tensor

FORMAT = "executorch"
CHECKED_WITH = ("ExecuTorch 1.5.1",)
UNREAD_PARTS = (
    "what a `.pte` holds for a backend (XNNPACK, Core ML, ...): give the exported program (`.pt2`) that it was made from",
)
PROGRAM, TENSORS = b"ET", b"FT"
"""First letters of the identifiers; two digits follow."""
HEADER = 8
PROGRAM_HEADER, TENSORS_HEADER = b"eh00", b"FH01"
DTYPES = {
    0: "uint8",
    1: "int8",
    2: "int16",
    3: "int32",
    4: "int64",
    5: "float16",
    6: "float32",
    7: "float64",
    11: "bool",
    15: "bfloat16",
    23: "float8_e5m2",
    24: "float8_e4m3fn",
    25: "float8_e5m2fnuz",
    26: "float8_e4m3fnuz",
    27: "uint16",
    28: "uint32",
    29: "uint64",
}
"""Element types (`ScalarType`) by number."""
TENSOR_VALUE, BOOL_VALUE, KERNEL_CALL = 5, 3, 1
EXTERNAL = 1
TRANSPOSED_ARGUMENT = 6
"""Argument of aten::convolution that says whether it is a transposed one."""
# operator of ATen and argument, in ONNX's words
INPUTS = {
    ("convolution", 1): ("Conv", 1),
    ("convolution", 2): ("Conv", 2),
    ("linear", 1): ("Gemm", 1),
    ("linear", 2): ("Gemm", 2),
    ("addmm", 0): ("Gemm", 2),
    ("addmm", 2): ("MatMul", 1),
    ("mm", 0): ("MatMul", 0),
    ("mm", 1): ("MatMul", 1),
    ("bmm", 1): ("MatMul", 1),
    ("embedding", 0): ("Gather", 0),
    ("native_layer_norm", 2): ("LayerNormalization", 1),
    ("native_layer_norm", 3): ("LayerNormalization", 2),
}
OPERATORS = {"add": "Add", "mul": "Mul", "sub": "Sub", "div": "Div"}
MOVES = frozenset(("permute_copy", "transpose_copy", "t_copy", "view_copy", "unsqueeze_copy"))
"""Operators that only move elements, and hand a weight on."""


class TensorUse(NamedTuple):
    """The operator that takes a value, at which argument, and whether it is a transposed convolution."""

    operator: str
    argument: int
    is_transposed: bool
    output: int


def sniff(source: Source, head: bytes) -> bool:  # noqa: ARG001 - the identifier is enough
    """The FlatBuffers identifier is `ET` or `FT` and two digits."""
    return head[4:6] in (PROGRAM, TENSORS) and head[6:8].isdigit()


def read(source: Source) -> Contents:
    """List what the file holds.

    Raises:
        CheckpointError: If the file is damaged.
    """
    root = FlatbufferTable.root(source)
    reader = _ExecuTorchReader(source)
    if source.bytes(4, 2) == TENSORS:
        reader.collect_named(root, segments=1, named=2)
    else:
        for plan in root.tables(1):
            reader.collect_plan(root, plan)
        reader.collect_named(root, segments=4, named=7)
    return Contents(reader.tensors, skips=tuple(reader.skips), modules=reader.modules)


def _read_base(source: Source) -> int:
    """Where the segments begin: in the header behind the identifier; 0 without one."""
    magic = source.bytes(HEADER, 4) if source.size >= HEADER + 4 else b""
    if magic == TENSORS_HEADER:
        return int(struct.unpack("<Q", source.view(HEADER + 24, 8))[0])
    if magic == PROGRAM_HEADER:
        return int(struct.unpack("<Q", source.view(HEADER + 16, 8))[0])
    return 0


@dataclass
class _ExecuTorchReader:
    """Collects the tensors of a file."""

    source: Source
    tensors: dict[str, Tensor] = field(default_factory=dict)
    skips: list[Skip] = field(default_factory=list)
    modules: dict[str, ModuleInfo] = field(default_factory=dict)

    def collect_named(self, root: FlatbufferTable, segments: int, named: int) -> None:
        """Data under a name, with the layout of a tensor or without."""
        base = _read_base(self.source)
        spans = [
            (int(segment.scalar(0, "Q")), int(segment.scalar(1, "Q")))
            for segment in root.tables(segments)
        ]
        for entry in root.tables(named):
            name, index, layout = entry.text(0), int(entry.scalar(1, "I")), entry.table(2)
            check_count(self.source, len(self.tensors) + len(self.skips))
            if index >= len(spans):
                raise entry.error(
                    "names a segment that is not there",
                    expected=f"below {len(spans)}",
                    actual=index,
                )
            if layout is None:
                reason = f"{spans[index][1]} bytes without a shape, for a backend"
                self.skips.append(Skip(name, reason, is_weight=True, hides_weights=True))
            elif name not in self.tensors:
                sizes = [int(side) for side in layout.numbers(1, "i")[:64]]
                order = layout.numbers(2, "B")[:64].tolist()
                number = int(layout.scalar(0, "b"))
                self._add(name, number, sizes, order, base + spans[index][0])

    def collect_plan(self, program: FlatbufferTable, plan: FlatbufferTable) -> None:
        """The constants of one method."""
        values = [(int(value.scalar(0, "B")), value.table(1)) for value in plan.tables(2)]
        uses = _collect_uses(plan, values)
        for number, (kind, table) in enumerate(values):
            if kind == TENSOR_VALUE and table is not None:
                self._collect_tensor(program, table, number, uses)
        for index, delegate in enumerate(plan.tables(7)):
            name = f"{plan.text(0)}.delegate_{index}"
            reason = (
                f"compiled for {delegate.text(0)[:80]}, whose form is not read; "
                "give the exported program (.pt2) that it was made from"
            )
            self.skips.append(Skip(name, reason, is_weight=True, hides_weights=True))

    def _collect_tensor(
        self,
        program: FlatbufferTable,
        table: FlatbufferTable,
        number: int,
        uses: dict[int, TensorUse],
    ) -> None:
        """A tensor value of a method, if it is a constant."""
        index, extra = int(table.scalar(5, "I")), table.table(9)
        name = extra.text(1) if extra is not None else ""
        if extra is not None and int(extra.scalar(2, "b")) == EXTERNAL:
            reason = "kept outside the program: its values are in the .ptd that belongs to it"
            self.skips.append(Skip(name or f"tensor_{number}", reason, is_weight=True))
            return
        if not index or table.table(6) is not None:  # it is computed, or has a place of its own
            return
        name = name or f"constant_{index}"
        if name in self.tensors:
            return
        place = _locate_constant(self.source, program, index)
        if place is None:
            self.skips.append(Skip(name, "its place is not in the file", is_weight=True))
            return
        sizes = [int(side) for side in table.numbers(2, "i")[:64]]
        check_count(self.source, len(self.tensors))
        self._add(
            name, int(table.scalar(0, "b")), sizes, table.numbers(3, "B")[:64].tolist(), place
        )
        info = _describe_use(name, number, uses)
        if info is not None and name in self.tensors:
            self.modules[name] = info

    def _add(self, name: str, number: int, sizes: list[int], order: list[int], place: int) -> None:
        dtype = DTYPES.get(number)
        if dtype is None:
            reason = f"ExecuTorch element type {number} is not a number that auscult reads"
            self.skips.append(Skip(name, reason, is_weight=True))
            return
        shape = check_shape(sizes, format_tensor_place(self.source, name))
        span = (place, place + count_stored_bytes(dtype, shape))
        tensor = place_tensor(self.source, span, name, dtype, shape)
        strides = _find_strides(shape, order)
        if strides is not None:
            data = FileArray(self.source, place, dtype, shape, strides=strides)
            tensor = replace(tensor, data=data)
        self.tensors[name] = tensor


def _find_strides(shape: Shape, order: list[int]) -> tuple[int, ...] | None:
    """Strides of a tensor whose axes lie in that order, outermost first; None where they lie in their own."""
    if order == sorted(order) or sorted(order) != list(range(len(shape))):
        return None
    stored_strides = contiguous_strides(tuple(shape[axis] for axis in order))
    return tuple(stored_strides[order.index(axis)] for axis in range(len(shape)))


def _locate_constant(source: Source, program: FlatbufferTable, index: int) -> int | None:
    """The first byte of a constant: in a segment behind the program, or in the program itself (before 2024-09)."""
    segment = program.table(5)
    offsets = segment.numbers(1, "Q") if segment is not None else None
    if segment is not None and offsets is not None and index < offsets.size:
        number = int(segment.scalar(0, "I"))
        for position, entry in enumerate(program.tables(4)):
            if position == number:
                return _read_base(source) + int(entry.scalar(0, "Q")) + int(offsets[index])
        return None
    for position, entry in enumerate(program.tables(2)):
        if position == index:
            return (entry.vector(0, 1) or (None, 0))[0]
    return None


def _collect_uses(
    plan: FlatbufferTable, values: list[tuple[int, FlatbufferTable | None]]
) -> dict[int, TensorUse]:
    """For each value the first operator that takes it."""
    names = [operator.text(0).rpartition("::")[2] for operator in plan.tables(6)]
    uses: dict[int, TensorUse] = {}
    for chain in plan.tables(5):
        for instruction in chain.tables(2):
            call = instruction.table(1)
            if call is None or int(instruction.scalar(0, "B")) != KERNEL_CALL:
                continue
            number = int(call.scalar(0, "i"))
            arguments = call.numbers(1, "i").tolist()
            if not 0 <= number < len(names) or not arguments:
                continue
            is_transposed = _read_flag(values, arguments, TRANSPOSED_ARGUMENT)
            for position, value in enumerate(arguments[:-1]):
                use = TensorUse(names[number], position, is_transposed, arguments[-1])
                uses.setdefault(value, use)
    return uses


def _read_flag(
    values: list[tuple[int, FlatbufferTable | None]], arguments: list[int], position: int
) -> bool:
    """Whether an argument is the truth value true."""
    if position >= len(arguments) or not 0 <= arguments[position] < len(values):
        return False
    kind, table = values[arguments[position]]
    return kind == BOOL_VALUE and table is not None and bool(table.scalar(0, "?"))


def _describe_use(name: str, value: int, uses: dict[int, TensorUse]) -> ModuleInfo | None:
    """The operator that takes a constant, perhaps behind one that only moves its elements."""
    use = uses.get(value)
    if use is not None and use.operator in MOVES and use.argument == 0:
        use = uses.get(use.output)
    if use is None:
        return None
    default = (OPERATORS.get(use.operator, use.operator), use.argument)
    kind, number = INPUTS.get((use.operator, use.argument), default)
    if kind == "Conv" and use.is_transposed:
        kind = "ConvTranspose"
    return ModuleInfo(name, kind, {"input": number})
