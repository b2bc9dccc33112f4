"""The header of a .npy array, parsed by patterns (it is Python source, which is not evaluated here)."""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass, field
from math import prod
from typing import Any

from auscult.checkpoint.contents import Opaque
from auscult.checkpoint.file_array import FileArray
from auscult.checkpoint.pickle_numpy import MAX_ELEMENTS, MAX_RANK, parse_type_code
from auscult.checkpoint.source import TRUNCATED_HINT, ByteSource, item_bytes, make_bounds_error
from auscult.errors import CheckpointError
from auscult.finding import Skip
from auscult.weights import Hazard, Shape, Tensor

MAGIC = b"\x93NUMPY"
MAX_HEADER_BYTES = 1 << 16
DESCR_PATTERN = re.compile(r"['\"]descr['\"]\s*:\s*(?:'([^']*)'|\"([^\"]*)\"|(\[))")
ORDER_PATTERN = re.compile(r"['\"]fortran_order['\"]\s*:\s*(True|False)")
SHAPE_PATTERN = re.compile(r"['\"]shape['\"]\s*:\s*\(([\dL,\s]*)\)")


@dataclass(frozen=True)
class NpyHeader:
    """What an array file holds: a tensor, or the tree of a pickled object, or nothing readable."""

    value: Any
    metadata: dict[str, str] = field(default_factory=dict)
    hazards: tuple[Hazard, ...] = ()
    skips: tuple[Skip, ...] = ()


@dataclass(frozen=True)
class NpyLayout:
    """What the header says: where the elements start, their numpy type, their order and the shape."""

    start: int
    type_code: str
    is_column_major: bool
    shape: Shape


def read_array(source: ByteSource, name: str, label: str) -> NpyHeader:
    """The array at the start of `source`.

    Raises:
        CheckpointError: If its header is damaged, or the bytes end before the array does.
    """
    layout = _parse_layout(source, label)
    start, code, sides = layout.start, layout.type_code, layout.shape
    if code.strip("<>=|").startswith("O"):
        return _read_objects(source, start, name, label, scalar=sides == ())
    dtype, byteorder = parse_type_code(code)
    metadata = {}
    if code.strip("<>=|") == "V2":
        # Of the types that numpy lacks only bfloat16 has two bytes; numpy.save writes it as raw bytes.
        dtype, metadata = "bfloat16", {f"{name}: 2-byte void read as": "bfloat16"}
    if dtype is None:
        return NpyHeader(
            None,
            skips=(
                Skip(
                    name,
                    f"an array of numpy type {code[:60]}, which holds no numbers auscult knows",
                ),
            ),
        )
    size = prod(sides) * item_bytes(dtype)
    if start + size > source.size:
        raise make_bounds_error(source.where, source.size, start, size)
    if layout.is_column_major and len(sides) > 1:
        strides = _compute_column_strides(sides)
    else:
        strides = None
    data = FileArray(source, start, dtype, sides, 0, strides, byteorder)
    return NpyHeader(Tensor(name, sides, dtype, data, size), metadata)


def _parse_layout(source: ByteSource, label: str) -> NpyLayout:
    start, header = _read_header(source, label)
    descr, order, shape = (
        DESCR_PATTERN.search(header),
        ORDER_PATTERN.search(header),
        SHAPE_PATTERN.search(header),
    )
    if not descr or not order or not shape:
        raise _make_array_error(
            source, label, "has a header without descr, fortran_order and shape"
        )
    sides = tuple(
        _parse_side(source, label, part)
        for part in shape[1].replace("L", "").split(",")
        if part.strip()
    )
    if len(sides) > MAX_RANK or prod(side for side in sides if side) > MAX_ELEMENTS:
        raise _make_array_error(source, label, "has an impossible shape")
    code = "structured" if descr[3] else (descr[1] or descr[2] or "")
    return NpyLayout(start, code, order[1] == "True", sides)


def _read_header(source: ByteSource, label: str) -> tuple[int, str]:
    """Where the elements start, and the text before them."""
    if source.size < 10 or bytes(source.view(0, 6)) != MAGIC:
        raise _make_array_error(source, label, "is no .npy array")
    major = source.view(6, 1)[0]
    if major not in (1, 2, 3):
        raise _make_array_error(source, label, f"has .npy version {major}, which is not known")
    width = 2 if major == 1 else 4
    if source.size < 8 + width:
        raise _make_array_error(source, label, "is cut off inside its header")
    (length,) = struct.unpack("<H" if major == 1 else "<I", source.view(8, width))
    if length > MAX_HEADER_BYTES:
        raise _make_array_error(source, label, f"has a header of {length} bytes")
    return 8 + width + length, str(
        source.view(8 + width, length), "utf-8" if major == 3 else "latin-1", "replace"
    )


def _parse_side(source: ByteSource, label: str, text: str) -> int:
    if len(text.strip()) > 20 or not text.strip().isdecimal():
        raise _make_array_error(source, label, "has an impossible shape")
    return int(text.strip())


def _compute_column_strides(shape: tuple[int, ...]) -> tuple[int, ...]:
    strides, step = [], 1
    for side in shape:
        strides.append(step)
        step *= max(side, 1)
    return tuple(strides)


def _read_objects(
    source: ByteSource, start: int, name: str, label: str, *, scalar: bool
) -> NpyHeader:
    """An array of objects is a pickle; its arrays are read and its code is not run."""
    from auscult.checkpoint.pickle import make_machine

    machine = make_machine(source, label, lambda _, __: Opaque("persistent id"), start)
    node = machine.run()
    content = getattr(node, "objects", None)
    hazards = tuple(machine.hazards.values())
    if isinstance(content, dict | Opaque) or (isinstance(content, list) and not scalar):
        return NpyHeader(content, hazards=hazards)
    return NpyHeader(
        None, hazards=hazards, skips=(Skip(name, "an array of Python objects, which is a pickle"),)
    )


def _make_array_error(source: ByteSource, label: str, problem: str) -> CheckpointError:
    return CheckpointError(
        f"array {label[:200]} {problem}", where=source.where, hint=TRUNCATED_HINT
    )
