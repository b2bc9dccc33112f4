"""The weights of a Core ML program (MIL), and the operation that consumes each.

A `const` operation gives a value, either in the program or at an offset of `weights/weight.bin`; `constexpr_*` operations
(weights compressed by coremltools) compute one. Field numbers:
https://github.com/apple/coremltools/blob/main/mlmodel/format/MIL.proto, the blob file's layout:
https://github.com/apple/coremltools/blob/main/mlmodel/src/MILBlob/Blob/StorageFormat.hpp.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import prod
from typing import Any

import numpy as np

from auscult.checkpoint.beside import open_data_file
from auscult.checkpoint.elements import (
    check_count,
    format_tensor_place,
    place_tensor,
)
from auscult.checkpoint.file_array import FileArray
from auscult.checkpoint.mil_compressed import (
    SPARSE_VALUE_OPERATIONS,
    PackedCodes,
    build_compressed,
)
from auscult.checkpoint.mil_value import (
    CODE_DTYPES,
    DTYPES,
    count_bits,
    is_weight,
    read_immediate,
    read_immediate_bytes,
    read_plain_value,
    read_value_type,
)
from auscult.checkpoint.protobuf import Message
from auscult.checkpoint.source import Source
from auscult.errors import CheckpointError
from auscult.finding import Skip
from auscult.weights import InMemoryData, ModuleInfo, Shape, Tensor

BLOB_DTYPES = {
    1: "float16",
    2: "float32",
    3: "uint8",
    4: "int8",
    5: "bfloat16",
    6: "int16",
    7: "uint16",
    8: "int4",
    9: "uint1",
    10: "uint2",
    11: "uint4",
    12: "uint3",
    13: "uint6",
    14: "int32",
    15: "uint32",
    16: "float8_e4m3fn",
    17: "float8_e5m2",
}
"""The blob file's own numbers for element types."""
BLOB_SENTINEL = 0xDEADBEEF
MODEL_PATH_PREFIX = "@model_path/"
CONSTEXPR_PREFIX = "constexpr_"


@dataclass
class ProgramReader:
    """Collects the weights of one program or of several in a pipeline."""

    source: Source
    prefix: str = ""
    tensors: dict[str, Tensor] = field(default_factory=dict)
    skips: list[Skip] = field(default_factory=list)
    modules: dict[str, ModuleInfo] = field(default_factory=dict)
    blobs: dict[str, Source] = field(default_factory=dict)
    parameters: dict[str, Any] = field(default_factory=dict)
    masked: dict[str, Tensor] = field(default_factory=dict)
    parts: set[str] = field(default_factory=set)

    def program(self, program: Message) -> None:
        """Read all functions of a program.

        Raises:
            CheckpointError: If the program or its blob file is damaged, or the blob file is missing or outside its folder.
        """
        for _, function in _iter_map_entries(program, 2):
            blocks = dict(_iter_map_entries(function, 3))
            opset = function.text(2)
            for block in (blocks[opset],) if opset in blocks else tuple(blocks.values()):
                self.block(block, {})
        for part in self.parts - self.modules.keys():
            self.tensors.pop(part, None)

    def block(self, block: Message, outer_scope: Mapping[str, str]) -> None:
        """Read a block; `outer` maps the values in scope to the tensors that they are."""
        scope = dict(outer_scope)
        for operation in block.messages(3):
            op = operation.text(1)
            outputs = [output.text(1) for output in operation.messages(3)]
            name = outputs[0] if outputs else "unnamed"
            if op == "const":
                self.constant(operation, name, scope)
            elif op.startswith(CONSTEXPR_PREFIX):
                self.collect_compressed(operation, op, outputs, scope)
            else:
                self.note_consumer(operation, op, name, scope)
            for nested in operation.messages(4):
                self.block(nested, scope)

    def constant(self, operation: Message, name: str, scope: dict[str, str]) -> None:
        value = dict(_iter_map_entries(operation, 5)).get("val")
        if value is None:
            value = _collect_argument_values(operation).get("val")
        if value is None:
            self.skips.append(Skip(self.prefix + name, "a constant without a value"))
            return
        parameter = None if is_weight(value) else read_plain_value(value)
        if parameter is None:
            self.keep(self.value(value, name), scope, name)
        else:
            self.parameters[name] = parameter

    def collect_compressed(
        self, operation: Message, op: str, outputs: Sequence[str], scope: dict[str, str]
    ) -> None:
        values = {**dict(_iter_map_entries(operation, 5)), **_collect_argument_values(operation)}
        operands = _ProgramOperands(self, values, _collect_argument_names(operation), scope)
        name = outputs[-1] if outputs else "unnamed"
        weight = build_compressed(op, operands)
        if weight is None:
            reason = f"compressed with {op}, which is not undone"
            self.keep(Skip(name, reason, is_weight=True), scope, name)
        elif op in SPARSE_VALUE_OPERATIONS:
            self.masked[name] = weight
        else:
            self.keep(weight, scope, name)
            self.parts.update(operands.parts)

    def keep(self, description: Tensor | Skip, scope: dict[str, str], name: str) -> None:
        check_count(self.source, len(self.tensors) + len(self.skips))
        unique, repetition = self.prefix + name, 1
        while unique in self.tensors:
            repetition += 1
            unique = f"{self.prefix}{name}#{repetition}"
        if isinstance(description, Skip):
            self.skips.append(replace(description, where=unique))
        else:
            self.tensors[unique] = replace(description, name=unique)
            scope[name] = unique

    def note_consumer(
        self, operation: Message, op: str, output: str, scope: Mapping[str, str]
    ) -> None:
        inputs = {
            key: [binding.text(1) for binding in argument.messages(1)]
            for key, argument in _iter_map_entries(operation, 2)
        }
        attributes: dict[str, Any] | None = None
        for key, names in inputs.items():
            for name in names:
                tensor = scope.get(name)
                if tensor is None or tensor in self.modules:
                    continue
                if attributes is None:
                    single_inputs = {
                        other: operand[0] for other, operand in inputs.items() if len(operand) == 1
                    }
                    attributes = {
                        other: self.parameters[operand]
                        for other, operand in single_inputs.items()
                        if operand in self.parameters
                    }
                self.modules[tensor] = ModuleInfo(
                    tensor, op, {**attributes, "node": output, "input": key}
                )

    def value(self, value: Message, name: str) -> Tensor | Skip:
        """The tensor that a Value is, in the blob file or in the program."""
        number, shape = read_value_type(value, format_tensor_place(self.source, name))
        dtype = DTYPES.get(number)
        if dtype is None:
            return Skip(
                name, f"Core ML element type {number} is not one that auscult reads", is_weight=True
            )
        blob = value.message(5)
        if blob is not None:
            return place_tensor(*self.find_blob(blob, name, dtype, shape), name, dtype, shape)
        array = read_immediate(value, dtype, shape)
        if array is None:
            where, hint = (
                format_tensor_place(self.source, name),
                "the file is damaged: fetch it again",
            )
            raise CheckpointError(
                "has a value that does not fit its type",
                where=where,
                found=f"{dtype} {list(shape)}",
                hint=hint,
            )
        return Tensor.of(name, array)

    def codes(self, value: Message, name: str) -> PackedCodes | None:
        """Unsigned codes of a few bits; None where the value is of another type."""
        number, shape = read_value_type(value, format_tensor_place(self.source, name))
        dtype = CODE_DTYPES.get(number)
        if dtype is None:
            return None
        bits = count_bits(dtype)
        blob = value.message(5)
        if blob is not None:
            source, (start, end) = self.find_blob(blob, name, dtype, shape)
            stored = FileArray(source, start, "uint8", (end - start,))
            return PackedCodes(stored, bits, shape)
        raw = read_immediate_bytes(value)
        if raw is None or len(raw) != -(-prod(shape) * bits // 8):
            return None
        return PackedCodes(InMemoryData(np.frombuffer(raw, np.uint8)), bits, shape)

    def find_blob(
        self, blob: Message, name: str, dtype: str, shape: Shape
    ) -> tuple[Source, tuple[int, int]]:
        """The file and the bytes that a value lies in.

        Raises:
            CheckpointError: If there is no blob of that type and size.
        """
        location, offset = blob.text(1), blob.unsigned(2)
        if location not in self.blobs:
            file_name = location.removeprefix(MODEL_PATH_PREFIX)
            self.blobs[location] = open_data_file(self.source, file_name)
        source = self.blobs[location]
        expected_bytes = -(-prod(shape) * count_bits(dtype) // 8)
        sentinel, number, nbytes, start = struct.unpack("<IIQQ", source.view(offset, 24))
        if (
            sentinel != BLOB_SENTINEL
            or BLOB_DTYPES.get(number) != dtype
            or nbytes != expected_bytes
        ):
            raise CheckpointError(
                "has no such blob",
                where=format_tensor_place(source, name),
                expected=f"{expected_bytes} bytes of {dtype} at offset {offset}",
                found=f"{nbytes} bytes of {BLOB_DTYPES.get(number, f'type {number}')}"
                if sentinel == BLOB_SENTINEL
                else "no blob",
                hint="the weight file is damaged or belongs to another model",
            )
        return source, (start, start + nbytes)


def _iter_map_entries(message: Message, number: int) -> Iterator[tuple[str, Message]]:
    """The entries of a map field."""
    for entry in message.messages(number):
        value = entry.message(2)
        if value is not None:
            yield entry.text(1), value


def _collect_argument_values(operation: Message) -> dict[str, Message]:
    """Inputs that are given as values, not by name."""
    values: dict[str, Message] = {}
    for key, argument in _iter_map_entries(operation, 2):
        for binding in argument.messages(1):
            value = binding.message(2)
            if value is not None:
                values[key] = value
    return values


def _collect_argument_names(operation: Message) -> dict[str, str]:
    """Inputs that are given by the name of what another operation makes."""
    names: dict[str, str] = {}
    for key, argument in _iter_map_entries(operation, 2):
        for binding in argument.messages(1):
            if binding.text(1):
                names[key] = binding.text(1)
    return names


@dataclass
class _ProgramOperands:
    """The inputs of one operation.

    Attributes:
        parts: Tensors of the program that the operation takes.
    """

    reader: ProgramReader
    values: Mapping[str, Message]
    names: Mapping[str, str]
    scope: Mapping[str, str]
    parts: set[str] = field(default_factory=set)

    def tensor(self, name: str) -> Tensor | None:
        if name in self.values:
            description = self.reader.value(self.values[name], name)
            return None if isinstance(description, Skip) else description
        unique = self.scope.get(self.names.get(name, ""))
        if unique is None:
            return None
        self.parts.add(unique)
        return self.reader.tensors[unique]

    def codes(self, name: str) -> PackedCodes | None:
        if name in self.values:
            return self.reader.codes(self.values[name], name)
        return None

    def number(self, name: str) -> int | None:
        if name in self.values:
            number = read_plain_value(self.values[name])
        else:
            number = self.reader.parameters.get(self.names.get(name, ""))
        return number if isinstance(number, int) else None

    def masked(self, name: str) -> Tensor | None:
        return self.reader.masked.get(self.names.get(name, ""))
