"""GGUF versions 2 and 3, either byte order.

A GGUF file stores a tensor's sides with the fastest-running first; shapes here are reversed, so that `shape` is numpy's and
torch's order of the same bytes. Blocks are dequantised to float32 on read (`dtype` names the block type): Q8_0, Q4_0, Q4_1, Q5_0
and Q5_1 here, the others by the gguf package. What neither reads, and in big-endian files all but Q8_0 and Q4_0, is skipped with
the reason. Layout:
https://github.com/ggml-org/ggml/blob/master/docs/gguf.md.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from math import prod
from typing import Any, Literal

from auscult.checkpoint.contents import Contents
from auscult.checkpoint.elements import (
    MAX_TENSORS,
    check_shape,
    count_stored_bytes,
    format_tensor_place,
    place_tensor,
)
from auscult.checkpoint.ggml import (
    BLOCK_TYPES,
    PLAIN_TYPES,
    BlockArray,
    BlockType,
    explain_unread_type,
)
from auscult.checkpoint.source import Source
from auscult.errors import CheckpointError
from auscult.finding import Skip
from auscult.weights import Storage, Tensor

FORMAT = "gguf"
CHECKED_WITH = ("gguf 0.19.0", "MLX 0.32.4")
MAGIC = b"GGUF"
VERSIONS = (2, 3)
MAX_ENTRIES = MAX_TENSORS
MAX_ITEMS = 8_000_000
MAX_NAME_BYTES = 1 << 16
MAX_SHOWN_LENGTH = 200
MAX_LISTED_ITEMS = 16
MAX_ARRAY_DEPTH = 4
MAX_ALIGNMENT = 1 << 20
DEFAULT_ALIGNMENT = 32
STRING_KIND, ARRAY_KIND = 8, 9
SCALAR_CODES = {
    0: "B",
    1: "b",
    2: "H",
    3: "h",
    4: "I",
    5: "i",
    6: "f",
    7: "?",
    10: "Q",
    11: "q",
    12: "d",
}
"""Metadata value types as struct codes."""


def sniff(source: Source, head: bytes) -> bool:  # noqa: ARG001 - the magic is enough
    """The file starts with `GGUF`, in either byte order."""
    return head[:4] == MAGIC


def read(source: Source) -> Contents:
    """List tensors and metadata.

    Raises:
        CheckpointError: If the file is damaged, or of another version.
    """
    cursor = _open_cursor(source)
    tensor_count, entry_count = cursor.count("tensors"), cursor.count("metadata entries")
    metadata: dict[str, str] = {}
    alignment = DEFAULT_ALIGNMENT
    for _ in range(entry_count):
        key = cursor.read_string()
        value = cursor.value(cursor.number("I"))
        metadata[key] = str(value)
        if key == "general.alignment":
            alignment = value if isinstance(value, int) else 0
    if not 0 < alignment <= MAX_ALIGNMENT or alignment & (alignment - 1):
        raise cursor.error(
            "has an impossible alignment", expected="a power of two", actual=alignment
        )
    tensor_infos = [cursor.read_tensor_info() for _ in range(tensor_count)]
    start = -(-cursor.position // alignment) * alignment
    tree: dict[str, Tensor] = {}
    skips: list[Skip] = []
    for info in tensor_infos:
        if info.name in tree:
            raise cursor.error("lists a tensor twice", actual=info.name[:MAX_SHOWN_LENGTH])
        if info.offset % alignment:
            raise cursor.error(
                f'tensor "{info.name[:MAX_SHOWN_LENGTH]}" is not aligned',
                expected=f"a multiple of {alignment}",
                actual=info.offset,
            )
        description = _describe_tensor(cursor, info, start)
        if isinstance(description, Skip):
            skips.append(description)
        else:
            tree[info.name] = description
    return Contents(tree, metadata, skips=tuple(skips))


@dataclass(frozen=True)
class _TensorInfo:
    """What the header says of a tensor; the sides as stored, fastest first."""

    name: str
    sides: tuple[int, ...]
    type: int
    offset: int


def _open_cursor(source: Source) -> _HeaderCursor:
    source.view(0, 8)
    version = struct.unpack("<I", source.bytes(4, 4))[0]
    order: Literal["<", ">"] = "<"
    if version & 0xFFFF == 0:
        version, order = struct.unpack(">I", source.bytes(4, 4))[0], ">"
    if version not in VERSIONS:
        raise CheckpointError(
            "is a GGUF file of another version",
            where=source.where,
            expected="version 2 or 3",
            found=version,
            hint="convert it with a current llama.cpp",
        )
    return _HeaderCursor(source, 8, order)


def _describe_tensor(cursor: _HeaderCursor, info: _TensorInfo, start: int) -> Tensor | Skip:
    source, name = cursor.source, info.name
    where = format_tensor_place(source, name)
    shape = check_shape(tuple(reversed(info.sides)), where)
    offset = start + info.offset
    if info.type in PLAIN_TYPES:
        dtype = PLAIN_TYPES[info.type]
        span = (offset, offset + count_stored_bytes(dtype, shape))
        return place_tensor(source, span, name, dtype, shape, byteorder=cursor.order)
    block_type = BLOCK_TYPES.get(info.type)
    if block_type is None:
        return Skip(name, f"ggml type {info.type} is unknown", is_weight=True)
    nbytes = _count_block_bytes(block_type, shape, where)
    source.view(offset, nbytes)
    reason = explain_unread_type(block_type.name, cursor.order)
    if reason is not None:
        return Skip(name, f"{reason} (shape {list(shape)})", is_weight=True)
    storage = Storage(f"{source.name}@{offset}") if nbytes else None
    return Tensor(
        name,
        shape,
        block_type.name,
        BlockArray(source, offset, block_type, shape, cursor.order),
        nbytes,
        storage,
    )


def _count_block_bytes(block: BlockType, shape: tuple[int, ...], where: str) -> int:
    if not shape or shape[-1] % block.elements:
        raise CheckpointError(
            f"has rows that are not whole {block.name.upper()} blocks",
            where=where,
            expected=f"a last side that is a multiple of {block.elements}",
            found=list(shape),
        )
    return prod(shape) // block.elements * block.nbytes


@dataclass
class _HeaderCursor:
    """Reads the header from front to back; nothing it says can move it outside the file."""

    source: Source
    position: int
    order: Literal["<", ">"]
    items: int = MAX_ITEMS

    def error(
        self, problem: str, expected: object = None, actual: object = None
    ) -> CheckpointError:
        hint = "the file is damaged: fetch it again"
        return CheckpointError(
            problem, where=self.source.where, expected=expected, found=actual, hint=hint
        )

    def take(self, length: int) -> memoryview:
        view = self.source.view(self.position, length)
        self.position += length
        return view

    def number(self, code: str) -> Any:
        form = struct.Struct(self.order + code)
        return form.unpack(self.take(form.size))[0]

    def count(self, noun: str) -> int:
        stated_count = self.number("Q")
        if stated_count > MAX_ENTRIES:
            raise self.error(
                f"says that it has too many {noun}",
                expected=f"at most {MAX_ENTRIES}",
                actual=stated_count,
            )
        return int(stated_count)

    def read_string(self) -> str:
        length = self.number("Q")
        if length > MAX_NAME_BYTES:
            raise self.error(
                "has a name that is too long",
                expected=f"at most {MAX_NAME_BYTES} bytes",
                actual=length,
            )
        return bytes(self.take(length)).decode("utf-8", "replace")

    def charge_items(self, count: int) -> None:
        self.items -= count
        if self.items < 0:
            raise self.error(
                "has too much metadata", expected=f"at most {MAX_ITEMS} items", actual="more"
            )

    def value(self, kind: int, depth: int = 0) -> str | int | float | bool:
        """A metadata value; long strings are cut and arrays summed up."""
        self.charge_items(1)
        if kind in SCALAR_CODES:
            number: int | float | bool = self.number(SCALAR_CODES[kind])
            return number
        if kind == STRING_KIND:
            view = self.take(self.number("Q"))
            return bytes(view[:MAX_NAME_BYTES]).decode("utf-8", "replace")
        if kind != ARRAY_KIND:
            raise self.error("has metadata of an unknown type", expected="0 to 12", actual=kind)
        if depth >= MAX_ARRAY_DEPTH:
            raise self.error(
                "has metadata that is nested too deeply",
                expected=f"at most {MAX_ARRAY_DEPTH} levels",
                actual="more",
            )
        return self.array(depth)

    def array(self, depth: int) -> str:
        kind, length = self.number("I"), self.number("Q")
        shown: list[object] = []
        if kind in SCALAR_CODES:
            shown = [self.number(SCALAR_CODES[kind]) for _ in range(min(length, MAX_LISTED_ITEMS))]
            self.take((length - len(shown)) * struct.calcsize("=" + SCALAR_CODES[kind]))
        else:
            self.charge_items(length)
            for index in range(length):
                item = self.value(kind, depth + 1)
                if index < MAX_LISTED_ITEMS:
                    shown.append(item if not isinstance(item, str) else item[:MAX_SHOWN_LENGTH])
        suffix = f", ... {length} in all" if length > len(shown) else ""
        return f"[{', '.join(str(item) for item in shown)}{suffix}]"

    def read_tensor_info(self) -> _TensorInfo:
        name, rank = self.read_string(), self.number("I")
        if rank > 64:
            raise self.error("has a tensor with too many sides", expected="at most 64", actual=rank)
        sides = tuple(self.number("Q") for _ in range(rank))
        return _TensorInfo(name, sides, self.number("I"), self.number("Q"))
