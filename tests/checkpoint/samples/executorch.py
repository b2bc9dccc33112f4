"""Small random files of ExecuTorch: a program with its constants in a segment, or a file of named tensors."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np

from tests.checkpoint.flatbuffer_writer import Fields, Scalar, pack

SUFFIX = ".pte"
TYPE_NUMBERS = {"uint8": 0, "int64": 4, "float16": 5, "float32": 6}
PADDING = 16
TENSOR, BOOL = 5, 3


def attach_segments(flatbuffer: bytes, segments: bytes, magic: bytes) -> bytes:
    """The flatbuffer with a header behind its identifier, and the segments behind it."""
    length = 40 if magic == b"FH01" else 32
    root = struct.unpack("<I", flatbuffer[:4])[0] + length
    size = len(flatbuffer) + length
    base = -(-size // PADDING) * PADDING
    sizes = (size, base, len(segments))
    if magic == b"FH01":
        sizes = (8 + length, size, base, len(segments))  # type: ignore[assignment]
    header = magic + struct.pack(f"<I{len(sizes)}Q", length, *sizes)
    start = struct.pack("<I", root) + flatbuffer[4:8] + header
    return (start + flatbuffer[8:]).ljust(base, b"\0") + segments


def place_arrays(arrays: list[Any]) -> tuple[bytes, list[int]]:
    """The arrays one behind the other, and where each begins."""
    content, offsets = b"", []
    for array in arrays:
        content = content.ljust(-(-len(content) // PADDING) * PADDING, b"\0")
        offsets.append(len(content))
        content += array.tobytes()
    return content, offsets


def describe_layout(array: Any, order: list[int] | None = None) -> Fields:
    """Type, sides and order of the axes, outermost first."""
    axes = list(range(array.ndim)) if order is None else order
    return {
        0: Scalar("b", TYPE_NUMBERS[array.dtype.name]),
        1: np.asarray(array.shape, np.int32),
        2: np.asarray(axes, np.uint8),
    }


def write_tensors(path: Path, arrays: dict[str, Any], blobs: dict[str, bytes]) -> None:
    """A `.ptd`; `blobs` have a name and no shape."""
    stored = [*arrays.values(), *(np.frombuffer(blob, np.uint8) for blob in blobs.values())]
    content, offsets = place_arrays(stored)
    segments = [
        {0: Scalar("Q", offset), 1: Scalar("Q", array.nbytes)}
        for offset, array in zip(offsets, stored, strict=True)
    ]
    named: list[Fields] = []
    for index, name in enumerate((*arrays, *blobs)):
        named.append({0: name, 1: Scalar("I", index)})
        if name in arrays:
            named[-1][2] = describe_layout(arrays[name])
    root = {0: Scalar("I", 0), 1: segments, 2: named}
    path.write_bytes(attach_segments(pack(root, b"FT01"), content, b"FH01"))


def describe_constant(array: Any, index: int, name: str = "") -> Fields:
    """A tensor value that is the constant `index` of the program; 0 if it is none."""
    layout = describe_layout(array)
    value: Fields = {0: layout[0], 2: layout[1], 3: layout[2], 5: Scalar("I", index)}
    if name:
        value[9] = {1: name}
    return value


def write_program(
    path: Path, constants: list[Any], values: list[tuple[int, Fields]], calls: list[Any]
) -> None:
    """A `.pte`; a value is (kind, fields), a call (operator, numbers of its values)."""
    content, offsets = place_arrays(constants)
    names = list(dict.fromkeys(name for name, _ in calls))
    instructions = [
        {
            0: Scalar("B", 1),
            1: {0: Scalar("i", names.index(name)), 1: np.asarray(arguments, np.int32)},
        }
        for name, arguments in calls
    ]
    plan: Fields = {
        0: "forward",
        2: [{0: Scalar("B", kind), 1: fields} for kind, fields in values],
        5: [{2: instructions}],
        6: [{0: name} for name in names],
    }
    root: Fields = {
        0: Scalar("I", 0),
        1: [plan],
        4: [{0: Scalar("Q", 0), 1: Scalar("Q", len(content))}],
        5: {0: Scalar("I", 0), 1: np.asarray([0, *offsets], np.uint64)},
    }
    path.write_bytes(attach_segments(pack(root, b"ET12"), content, b"eh00"))


def make(path: Path, seed: int) -> None:
    """Write named tensors for even seeds, a program of a convolution and a Linear for odd ones."""
    rng = np.random.default_rng(seed)
    weight = rng.normal(size=(4, 3, 5)).astype(np.float32)
    bias = rng.normal(size=4).astype(np.float16)
    matrix = rng.normal(size=(6, 4)).astype(np.float32)
    if seed % 2 == 0:
        write_tensors(path, {"conv.weight": weight, "conv.bias": bias}, {"packed": b"\1\2\3"})
        return
    values = [
        (TENSOR, describe_constant(weight, 0)),
        (TENSOR, describe_constant(weight, 1, "conv.weight")),
        (TENSOR, describe_constant(bias, 2)),
        (BOOL, {0: Scalar("?", 1)}),
        (TENSOR, describe_constant(matrix, 3)),
    ]
    calls = [
        ("aten::convolution", [0, 1, 2, 0, 0, 0, 3, 0, 0, 0]),
        ("aten::linear", [0, 4, 0, 0]),
    ]
    write_program(path, [weight, bias, matrix], values, calls)
