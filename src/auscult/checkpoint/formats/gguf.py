"""GGUF versions 2 and 3, either byte order.

A GGUF file stores a tensor's sides with the fastest-running first; shapes here are reversed, so that `shape` is numpy's and
torch's order of the same bytes. Q8_0, Q4_0, Q4_1, Q5_0 and Q5_1 are dequantised to float32 on read (`dtype` names the block
type); tensors of other block types, and in big-endian files all but Q8_0 and Q4_0, are skipped with the reason. Layout:
https://github.com/ggml-org/ggml/blob/master/docs/gguf.md.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any, Literal

from auscult.checkpoint.contents import Contents
from auscult.checkpoint.elements import (
    MAX_TENSORS,
    checked_shape,
    place,
    place_tensor,
    stored_bytes,
)
from auscult.checkpoint.ggml import BIG_ENDIAN, BLOCKS, DEQUANTIZE, PLAIN, BlockArray, BlockType
from auscult.checkpoint.source import Source
from auscult.errors import CheckpointError
from auscult.finding import Skip
from auscult.weights import Storage, Tensor

FORMAT = "gguf"
MAGIC = b"GGUF"
VERSIONS = (2, 3)
MAX_ENTRIES = MAX_TENSORS
MAX_ITEMS = 8_000_000
MAX_NAME_BYTES = 1 << 16
MAX_SHOWN = 200
MAX_LISTED = 16
MAX_ARRAY_DEPTH = 4
MAX_ALIGNMENT = 1 << 20
DEFAULT_ALIGNMENT = 32
STRING, ARRAY = 8, 9
SCALARS = {
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


def sniff(path: Path, head: bytes) -> bool:  # noqa: ARG001 - the magic is enough
    """The file starts with `GGUF`, in either byte order."""
    return head[:4] == MAGIC


def read(path: Path) -> Contents:
    """List tensors and metadata.

    Raises:
        CheckpointError: If the file is damaged, or of another version.
    """
    cursor = _open(Source(path))
    tensors, entries = cursor.count("tensors"), cursor.count("metadata entries")
    metadata: dict[str, str] = {}
    alignment = DEFAULT_ALIGNMENT
    for _ in range(entries):
        key = cursor.string()
        value = cursor.value(cursor.number("I"))
        metadata[key] = str(value)
        if key == "general.alignment":
            alignment = value if isinstance(value, int) else 0
    if not 0 < alignment <= MAX_ALIGNMENT or alignment & (alignment - 1):
        raise cursor.error(
            "has an impossible alignment", expected="a power of two", found=alignment
        )
    listed = [cursor.tensor_info() for _ in range(tensors)]
    start = -(-cursor.position // alignment) * alignment
    tree: dict[str, Tensor] = {}
    skips: list[Skip] = []
    for info in listed:
        if info.name in tree:
            raise cursor.error("lists a tensor twice", found=info.name[:MAX_SHOWN])
        if info.offset % alignment:
            raise cursor.error(
                f'tensor "{info.name[:MAX_SHOWN]}" is not aligned',
                expected=f"a multiple of {alignment}",
                found=info.offset,
            )
        found = _tensor(cursor, info, start)
        if isinstance(found, Skip):
            skips.append(found)
        else:
            tree[info.name] = found
    return Contents(tree, metadata, skips=tuple(skips))


@dataclass(frozen=True)
class _Info:
    """What the header says of a tensor; the sides as stored, fastest first."""

    name: str
    sides: tuple[int, ...]
    type: int
    offset: int


def _open(source: Source) -> _Cursor:
    source.view(0, 8)
    version = struct.unpack("<I", source.bytes(4, 4))[0]
    order: Literal["<", ">"] = "<"
    if version & 0xFFFF == 0:
        version, order = struct.unpack(">I", source.bytes(4, 4))[0], ">"
    if version not in VERSIONS:
        raise CheckpointError(
            "is a GGUF file of another version",
            where=str(source.path),
            expected="version 2 or 3",
            found=version,
            hint="convert it with a current llama.cpp",
        )
    return _Cursor(source, 8, order)


def _tensor(cursor: _Cursor, info: _Info, start: int) -> Tensor | Skip:
    source, name = cursor.source, info.name
    where = place(source, name)
    shape = checked_shape(tuple(reversed(info.sides)), where)
    offset = start + info.offset
    if info.type in PLAIN:
        dtype = PLAIN[info.type]
        span = (offset, offset + stored_bytes(dtype, shape))
        return place_tensor(source, span, name, dtype, shape, byteorder=cursor.order)
    block = BLOCKS.get(info.type)
    if block is None:
        return Skip(name, f"ggml type {info.type} is unknown")
    nbytes = _block_bytes(block, shape, where)
    source.view(offset, nbytes)
    if block.name not in (DEQUANTIZE if cursor.order == "<" else BIG_ENDIAN):
        big = " of a big-endian file" if cursor.order == ">" else ""
        return Skip(
            name, f"{block.name.upper()} blocks{big} are not dequantised (shape {list(shape)})"
        )
    storage = Storage(f"{source.path.name}@{offset}") if nbytes else None
    return Tensor(
        name,
        shape,
        block.name,
        BlockArray(source, offset, block, shape, cursor.order),
        nbytes,
        storage,
    )


def _block_bytes(block: BlockType, shape: tuple[int, ...], where: str) -> int:
    if not shape or shape[-1] % block.elements:
        raise CheckpointError(
            f"has rows that are not whole {block.name.upper()} blocks",
            where=where,
            expected=f"a last side that is a multiple of {block.elements}",
            found=list(shape),
        )
    return prod(shape) // block.elements * block.nbytes


@dataclass
class _Cursor:
    """Reads the header from front to back; nothing it says can move it outside the file."""

    source: Source
    position: int
    order: Literal["<", ">"]
    items: int = MAX_ITEMS

    def error(self, what: str, expected: object = None, found: object = None) -> CheckpointError:
        hint = "the file is damaged: fetch it again"
        return CheckpointError(
            what, where=str(self.source.path), expected=expected, found=found, hint=hint
        )

    def take(self, length: int) -> memoryview:
        view = self.source.view(self.position, length)
        self.position += length
        return view

    def number(self, code: str) -> Any:
        form = struct.Struct(self.order + code)
        return form.unpack(self.take(form.size))[0]

    def count(self, what: str) -> int:
        found = self.number("Q")
        if found > MAX_ENTRIES:
            raise self.error(
                f"says that it has too many {what}", expected=f"at most {MAX_ENTRIES}", found=found
            )
        return int(found)

    def string(self) -> str:
        length = self.number("Q")
        if length > MAX_NAME_BYTES:
            raise self.error(
                "has a name that is too long",
                expected=f"at most {MAX_NAME_BYTES} bytes",
                found=length,
            )
        return bytes(self.take(length)).decode("utf-8", "replace")

    def spend(self, count: int) -> None:
        self.items -= count
        if self.items < 0:
            raise self.error(
                "has too much metadata", expected=f"at most {MAX_ITEMS} items", found="more"
            )

    def value(self, kind: int, depth: int = 0) -> str | int | float | bool:
        """A metadata value; long strings are cut and arrays summed up."""
        self.spend(1)
        if kind in SCALARS:
            found: int | float | bool = self.number(SCALARS[kind])
            return found
        if kind == STRING:
            view = self.take(self.number("Q"))
            return bytes(view[:MAX_NAME_BYTES]).decode("utf-8", "replace")
        if kind != ARRAY:
            raise self.error("has metadata of an unknown type", expected="0 to 12", found=kind)
        if depth >= MAX_ARRAY_DEPTH:
            raise self.error(
                "has metadata that is nested too deeply",
                expected=f"at most {MAX_ARRAY_DEPTH} levels",
                found="more",
            )
        return self.array(depth)

    def array(self, depth: int) -> str:
        kind, length = self.number("I"), self.number("Q")
        shown: list[object] = []
        if kind in SCALARS:
            shown = [self.number(SCALARS[kind]) for _ in range(min(length, MAX_LISTED))]
            self.take((length - len(shown)) * struct.calcsize("=" + SCALARS[kind]))
        else:
            self.spend(length)
            for index in range(length):
                item = self.value(kind, depth + 1)
                if index < MAX_LISTED:
                    shown.append(item if not isinstance(item, str) else item[:MAX_SHOWN])
        more = f", ... {length} in all" if length > len(shown) else ""
        return f"[{', '.join(str(item) for item in shown)}{more}]"

    def tensor_info(self) -> _Info:
        name, rank = self.string(), self.number("I")
        if rank > 64:
            raise self.error("has a tensor with too many sides", expected="at most 64", found=rank)
        sides = tuple(self.number("Q") for _ in range(rank))
        return _Info(name, sides, self.number("I"), self.number("Q"))
