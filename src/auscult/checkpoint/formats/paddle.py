"""Paddle's parameters for inference (`.pdiparams`): tensors one after the other, without names.

The names are those of the program beside it (`.json` or `.pdmodel`), whose parameters are saved in the order of their
names. Without a program, or with one that does not fit, a tensor is named by its place. Linear layers keep (in, out).
A `.pdparams` is a pickle and read by `torch_legacy`. Source: paddle/phi/core/framework/dense_tensor_serialize.cc.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

from auscult.checkpoint.contents import Contents
from auscult.checkpoint.elements import check_count, check_shape, count_stored_bytes, place_tensor
from auscult.checkpoint.paddle_program import PaddleProgram, read_program
from auscult.checkpoint.paddle_state import FORMAT as PADDLE
from auscult.checkpoint.protobuf import Message
from auscult.checkpoint.source import Source
from auscult.errors import CheckpointError
from auscult.finding import Skip
from auscult.weights import ModuleInfo, Tensor

FORMAT = PADDLE
CHECKED_WITH = ("PaddlePaddle 3.3.1",)
PROGRAM_SUFFIXES = (".json", ".pdmodel")
DTYPES = {
    0: "bool",
    1: "int16",
    2: "int32",
    3: "int64",
    4: "float16",
    5: "float32",
    6: "float64",
    20: "uint8",
    21: "int8",
    22: "bfloat16",
    23: "complex64",
    24: "complex128",
    32: "float8_e4m3fn",
    33: "float8_e5m2",
}
"""VarType.Type of framework.proto."""
START_BYTES = 16
"""Versions and levels of detail in front of a tensor, all zero in what is saved for inference."""
SMALLEST_DESCRIPTION, LARGEST_DESCRIPTION = 2, 400
DATA_TYPE_TAG = 0x08


class _StoredTensor(NamedTuple):
    """Where the elements of a tensor lie, and what they are."""

    span: tuple[int, int]
    dtype: str
    shape: tuple[int, ...]


def sniff(source: Source, head: bytes) -> bool:  # noqa: ARG001 - the bytes are enough
    """Sixteen zero bytes, the length of a short message, and the message's first tag."""
    if len(head) < START_BYTES + 6 or head[:START_BYTES].strip(b"\0"):
        return False
    length = int.from_bytes(head[START_BYTES : START_BYTES + 4], "little")
    is_length = SMALLEST_DESCRIPTION <= length <= LARGEST_DESCRIPTION
    return is_length and head[START_BYTES + 4] == DATA_TYPE_TAG


def read(source: Source) -> Contents:
    """List the tensors of the stream.

    Raises:
        CheckpointError: If the stream or the program beside it is damaged.
    """
    stored: list[_StoredTensor] = []
    position = 0
    while position < source.size:
        check_count(source, len(stored))
        stored.append(_read_entry(source, position, len(stored)))
        position = stored[-1].span[1]
    program_file = _find_program(source)
    program = read_program(program_file) if program_file is not None else None
    names = _match_names(program, stored)
    skips: list[Skip] = []
    if names is None:
        names = [f"tensor_{index}" for index in range(len(stored))]
        skips.append(Skip("names", _explain_missing_names(source, program_file)))
    tensors = {
        name: place_tensor(source, entry.span, name, entry.dtype, entry.shape)
        for name, entry in zip(names, stored, strict=True)
    }
    return Contents(tensors, skips=tuple(skips), modules=_find_modules(program, tensors))


def _read_entry(source: Source, position: int, index: int) -> _StoredTensor:
    """The tensor that starts at a byte."""
    where = f"{source.where}, tensor {index}"
    version, levels = struct.unpack("<IQ", source.view(position, 12))
    position += 12
    if version or levels > 8:
        raise CheckpointError(
            "holds something that is no tensor of Paddle",
            where=where,
            expected="version 0",
            found=f"version {version}, {levels} levels",
            hint="the file is damaged: fetch it again",
        )
    for _ in range(levels):
        position += 8 + struct.unpack("<Q", source.view(position, 8))[0]
    _, length = struct.unpack("<Ii", source.view(position, 8))
    position += 8
    description = Message(source.window(position, max(length, 0)))
    number = description.signed(1)
    dtype = DTYPES.get(number)
    if dtype is None:
        raise CheckpointError(
            f"holds an element type that is not read: number {number}", where=where
        )
    shape = check_shape(description.integers(2, limit=64), where)
    start = position + length
    return _StoredTensor((start, start + count_stored_bytes(dtype, shape)), dtype, shape)


def _find_program(source: Source) -> Source | None:
    """The program beside the parameters; None where there is none, or where they lie in an archive."""
    if source.member:
        return None
    candidates = (source.path.with_suffix(suffix) for suffix in PROGRAM_SUFFIXES)
    return next((Source(path) for path in candidates if path.is_file()), None)


def _match_names(program: PaddleProgram | None, stored: list[_StoredTensor]) -> list[str] | None:
    """The names of the program's parameters in their order, where their shapes are those of the stream."""
    if program is None or len(program.shapes) != len(stored):
        return None
    names = sorted(program.shapes)
    for name, entry in zip(names, stored, strict=True):
        shape = program.shapes[name]
        if len(shape) != len(entry.shape):
            return None
        if any(side not in (-1, real) for side, real in zip(shape, entry.shape, strict=True)):
            return None
    return names


def _explain_missing_names(source: Source, program_file: Source | None) -> str:
    if program_file is not None:
        return f"{program_file.name} has other parameters; tensors are named by their place"
    programs = " or ".join(f"{source.stem}{suffix}" for suffix in PROGRAM_SUFFIXES)
    return f"they are in {programs}, which is not beside it; tensors are named by their place"


def _find_modules(
    program: PaddleProgram | None, tensors: dict[str, Tensor]
) -> dict[str, ModuleInfo]:
    if program is None:
        return {}
    modules = {name: program.find_module(name) for name in tensors}
    return {name: module for name, module in modules.items() if module is not None}
