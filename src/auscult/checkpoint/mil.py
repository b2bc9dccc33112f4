"""The weights of a Core ML program (MIL), and the operation that consumes each.

A `const` operation gives a value, either in the program or at an offset of `weights/weight.bin`; `constexpr_*` operations
(weights compressed by coremltools) compute one. Field numbers:
https://github.com/apple/coremltools/blob/main/mlmodel/format/MIL.proto, the blob file's layout:
https://github.com/apple/coremltools/blob/main/mlmodel/src/MILBlob/Blob/StorageFormat.hpp.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from auscult.checkpoint.beside import beside
from auscult.checkpoint.elements import check_count, place, place_tensor, stored_bytes
from auscult.checkpoint.mil_value import DTYPES, immediate, is_weight, plain_value, type_of
from auscult.checkpoint.protobuf import Message
from auscult.checkpoint.source import Source
from auscult.errors import CheckpointError
from auscult.finding import Skip
from auscult.weights import Array, ModuleInfo, Quantization, Shape, Tensor

BLOB_DTYPES = {
    1: "float16",
    2: "float32",
    3: "uint8",
    4: "int8",
    5: "bfloat16",
    6: "int16",
    7: "uint16",
    8: "int4",
    10: "uint2",
    11: "uint4",
    14: "int32",
    15: "uint32",
    16: "float8_e4m3fn",
    17: "float8_e5m2",
}
"""The blob file's own numbers for element types."""
SENTINEL = 0xDEADBEEF
MODEL_PATH = "@model_path/"
CONSTEXPR = "constexpr_"


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

    def program(self, program: Message) -> None:
        """Read all functions of a program.

        Raises:
            CheckpointError: If the program or its blob file is damaged, or the blob file is missing or outside its folder.
        """
        for _, function in _entries(program, 2):
            blocks = dict(_entries(function, 3))
            opset = function.text(2)
            for block in (blocks[opset],) if opset in blocks else tuple(blocks.values()):
                self.block(block, {})

    def block(self, block: Message, outer: Mapping[str, str]) -> None:
        """Read a block; `outer` maps the values in scope to the tensors that they are."""
        known = dict(outer)
        for operation in block.messages(3):
            op = operation.text(1)
            outputs = [output.text(1) for output in operation.messages(3)]
            name = outputs[0] if outputs else "unnamed"
            if op == "const":
                self.constant(operation, name, known)
            elif op.startswith(CONSTEXPR):
                self.compressed(operation, op, name, known)
            else:
                self.consume(operation, op, name, known)
            for nested in operation.messages(4):
                self.block(nested, known)

    def constant(self, operation: Message, name: str, known: dict[str, str]) -> None:
        value = dict(_entries(operation, 5)).get("val")
        if value is None:
            value = _argument_values(operation).get("val")
        if value is None:
            self.skips.append(Skip(self.prefix + name, "a constant without a value"))
            return
        plain = None if is_weight(value) else plain_value(value)
        if plain is None:
            self.keep(self.value(value, name), known, name)
        else:
            self.parameters[name] = plain

    def compressed(self, operation: Message, op: str, name: str, known: dict[str, str]) -> None:
        values = {**dict(_entries(operation, 5)), **_argument_values(operation)}
        data = values.get("quantized_data") or values.get("data") or values.get("source_val")
        reason = f"compressed with {op}, which is not undone"
        if op == "constexpr_cast" and data is not None:
            self.keep(self.value(data, name), known, name)
        elif (
            op in ("constexpr_affine_dequantize", "constexpr_blockwise_shift_scale")
            and data is not None
        ):
            self.keep(self.quantized(values, data, name) or Skip(name, reason), known, name)
        else:
            self.keep(Skip(name, reason), known, name)

    def quantized(
        self, values: Mapping[str, Message], data: Message, name: str
    ) -> Tensor | Skip | None:
        """Integers with a scale for each channel, None if the scales are of another kind."""
        tensor, scale = self.value(data, name), self.operand(values, "scale")
        zero = self.operand(values, "zero_point" if "zero_point" in values else "offset")
        if isinstance(tensor, Skip):
            return tensor
        if scale is None or ("offset" in values and zero is None):
            return None
        if "axis" in values:
            axis = plain_value(values["axis"])
            axes = [axis] if isinstance(axis, int) and scale.size > 1 else []
        else:
            if scale.ndim != len(tensor.shape):
                return None
            axes = [index for index, side in enumerate(scale.shape) if side > 1]
        if len(axes) > 1 or any(
            not 0 <= axis < len(tensor.shape) or tensor.shape[axis] != scale.size for axis in axes
        ):
            return None
        zeros = np.zeros(1, np.int32) if zero is None else zero.reshape(-1)
        if zeros.size not in (1, scale.size):
            return None
        return replace(
            tensor, quantization=Quantization(scale.reshape(-1), zeros, axes[0] if axes else None)
        )

    def operand(self, values: Mapping[str, Message], name: str) -> Array | None:
        if name not in values:
            return None
        found = self.value(values[name], name)
        return None if isinstance(found, Skip) else found.numpy()

    def keep(self, found: Tensor | Skip, known: dict[str, str], name: str) -> None:
        check_count(self.source, len(self.tensors) + len(self.skips))
        unique, again = self.prefix + name, 1
        while unique in self.tensors:
            again += 1
            unique = f"{self.prefix}{name}#{again}"
        if isinstance(found, Skip):
            self.skips.append(Skip(unique, found.reason))
        else:
            self.tensors[unique] = replace(found, name=unique)
            known[name] = unique

    def consume(self, operation: Message, op: str, output: str, known: Mapping[str, str]) -> None:
        inputs = {
            key: [binding.text(1) for binding in argument.messages(1)]
            for key, argument in _entries(operation, 2)
        }
        attributes: dict[str, Any] | None = None
        for key, names in inputs.items():
            for name in names:
                tensor = known.get(name)
                if tensor is None or tensor in self.modules:
                    continue
                if attributes is None:
                    single = {other: given[0] for other, given in inputs.items() if len(given) == 1}
                    attributes = {
                        other: self.parameters[given]
                        for other, given in single.items()
                        if given in self.parameters
                    }
                self.modules[tensor] = ModuleInfo(
                    tensor, op, {**attributes, "node": output, "input": key}
                )

    def value(self, value: Message, name: str) -> Tensor | Skip:
        """The tensor that a Value is, in the blob file or in the program."""
        number, shape = type_of(value, place(self.source, name))
        dtype = DTYPES.get(number)
        if dtype is None:
            return Skip(name, f"Core ML element type {number} is not one that auscult reads")
        blob = value.message(5)
        if blob is not None:
            return self.blob(blob, name, dtype, shape)
        array = immediate(value, dtype, shape)
        if array is None:
            where, hint = place(self.source, name), "the file is damaged: fetch it again"
            raise CheckpointError(
                "has a value that does not fit its type",
                where=where,
                found=f"{dtype} {list(shape)}",
                hint=hint,
            )
        return Tensor.of(name, array)

    def blob(self, blob: Message, name: str, dtype: str, shape: Shape) -> Tensor:
        location, offset = blob.text(1), blob.unsigned(2)
        if location not in self.blobs:
            folder, model = self.source.path.parent, self.source.path
            self.blobs[location] = Source(beside(folder, location.removeprefix(MODEL_PATH), model))
        source = self.blobs[location]
        sentinel, number, nbytes, start = struct.unpack("<IIQQ", source.view(offset, 24))
        if (
            sentinel != SENTINEL
            or BLOB_DTYPES.get(number) != dtype
            or nbytes != stored_bytes(dtype, shape)
        ):
            raise CheckpointError(
                "has no such blob",
                where=place(source, name),
                expected=f"{stored_bytes(dtype, shape)} bytes of {dtype} at offset {offset}",
                found=f"{nbytes} bytes of {BLOB_DTYPES.get(number, f'type {number}')}"
                if sentinel == SENTINEL
                else "no blob",
                hint="the weight file is damaged or belongs to another model",
            )
        return place_tensor(source, (start, start + nbytes), name, dtype, shape)


def _entries(message: Message, number: int) -> Iterator[tuple[str, Message]]:
    """The entries of a map field."""
    for entry in message.messages(number):
        value = entry.message(2)
        if value is not None:
            yield entry.text(1), value


def _argument_values(operation: Message) -> dict[str, Message]:
    """Inputs that are given as values, not by name."""
    found: dict[str, Message] = {}
    for key, argument in _entries(operation, 2):
        for binding in argument.messages(1):
            value = binding.message(2)
            if value is not None:
                found[key] = value
    return found
