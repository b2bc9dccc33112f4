"""TensorFlow's checkpoints (`NAME.index` with `NAME.data-00000-of-00001`) and SavedModel folders, whose variables are one.

The index is a table of keys with a BundleEntryProto each: type, shape, file, place. The object graph in the data says what
name a variable has in its program; those names are listed where they tell the variables apart, else the keys. A SavedModel of
Keras has every variable twice: the second copy is left out where its checksum is that of the first. Source: TensorFlow's
tensor_bundle.proto, trackable_object_graph.proto and saved_tensor_slice_util.cc.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from auscult.checkpoint.beside import open_data_file
from auscult.checkpoint.chunks import Chunk, ChunkedData, check_chunks
from auscult.checkpoint.contents import Contents
from auscult.checkpoint.elements import check_shape, count_stored_bytes, place_tensor
from auscult.checkpoint.protobuf import Message
from auscult.checkpoint.source import Source
from auscult.checkpoint.sstable import is_table, iter_entries
from auscult.checkpoint.tf_names import sort_by_purpose
from auscult.errors import CheckpointError
from auscult.facts.words import format_count
from auscult.finding import Skip
from auscult.weights import Shape, Tensor

FORMAT = "tensorflow"
CHECKED_WITH = ("TensorFlow 2.21.0", "Keras 3.15.1")
INDEX_SUFFIX = ".index"
DATA_NAME = re.compile(r"(.+)\.data-\d{5}-of-\d{5}")
GRAPH_NAME = "saved_model.pb"
VARIABLES_INDEX = Path("variables") / "variables.index"
STATE_NAME = "checkpoint"
MAX_STATE_BYTES = 1 << 20
STATE_LINE = re.compile(r'^model_checkpoint_path: "([^"\\]{1,500})"', re.MULTILINE)
OBJECT_GRAPH_KEY = b"_CHECKPOINTABLE_OBJECT_GRAPH"
STRING = 7
DTYPES = {
    **{1: "float32", 2: "float64", 3: "int32", 4: "uint8", 5: "int16", 6: "int8", 8: "complex64"},
    **{9: "int64", 10: "bool", 11: "int8", 12: "uint8", 13: "int32", 14: "bfloat16", 15: "int16"},
    **{16: "uint16", 17: "uint16", 18: "complex128", 19: "float16", 22: "uint32", 23: "uint64"},
    **{24: "float8_e5m2", 25: "float8_e4m3fn"},
}
"""Element types by number. Source: tensorflow/core/framework/types.proto."""


class _Entry(NamedTuple):
    """One line of the index."""

    dtype: int
    shape: Shape
    shard: int
    offset: int
    size: int
    checksum: bytes
    slices: tuple[tuple[tuple[int, int], ...], ...]


def sniff(source: Source, head: bytes) -> bool:  # noqa: ARG001 - an index is known by its end, a folder by its files
    """An index, a data file with its index beside it, the graph of a SavedModel, or a folder with one of these."""
    if source.is_folder:
        return (source.path / GRAPH_NAME).is_file() or bool(_list_indexes(source.path))
    if source.suffix == INDEX_SUFFIX:
        return is_table(source)
    return not source.member and (
        source.name == GRAPH_NAME or DATA_NAME.fullmatch(source.name) is not None
    )


def read(source: Source) -> Contents:
    """The variables by name.

    Raises:
        CheckpointError: If the index is damaged, a data file is missing, or a SavedModel keeps no variables.
    """
    index = _find_index(source)
    entries: dict[bytes, _Entry] = {}
    shards = 1
    for key, start, end in iter_entries(index):
        message = Message(index, ((start, end),)) if end > start else None
        if key == b"":
            shards = _read_header(index, message)
        else:
            entries[key] = _read_entry(index, key, message)
    files = _DataFiles(index, shards)
    full_names = _read_full_names(files, entries.get(OBJECT_GRAPH_KEY))
    skips: list[Skip] = []
    tensors: dict[str, Tensor] = {}
    for key, entry in entries.items():
        if key == OBJECT_GRAPH_KEY or key.startswith(b"\0"):
            continue
        name = key.decode("utf-8", "replace")
        described = _describe_entry(files, entries, key, entry)
        if isinstance(described, Skip):
            skips.append(described)
        else:
            tensors[name] = described
    kept = _drop_second_copies(tensors, entries, full_names, skips)
    tree = sort_by_purpose(kept, full_names, skips)
    return Contents(tree, {"data files": str(shards)}, skips=tuple(skips))


class _DataFiles:
    """The files with the elements, opened when they are first named."""

    def __init__(self, index: Source, shards: int) -> None:
        self.index = index
        self.shards = shards
        self._opened: dict[int, Source] = {}

    def open(self, entry: _Entry) -> Source:
        """The file of an entry.

        Raises:
            CheckpointError: If there is no such file.
        """
        number = entry.shard
        if number >= self.shards:
            raise CheckpointError(
                "names a data file beyond the last",
                where=self.index.where,
                expected=f"a number below {self.shards}",
                found=number,
            )
        if number not in self._opened:
            name = f"{self.index.stem}.data-{number:05d}-of-{self.shards:05d}"
            self._opened[number] = open_data_file(self.index, name)
        return self._opened[number]


def _list_indexes(folder: Path) -> list[Path]:
    try:
        return [
            path
            for path in sorted(folder.glob(f"*{INDEX_SUFFIX}"))
            if path.is_file() and is_table(Source(path))
        ]
    except (OSError, CheckpointError):
        return []


def _find_index(source: Source) -> Source:
    if source.is_folder or source.name == GRAPH_NAME:
        folder = source.path if source.is_folder else source.path.parent
        if (folder / GRAPH_NAME).is_file():
            return _find_saved_variables(folder)
        return Source(_choose_index(folder))
    match = DATA_NAME.fullmatch(source.name)
    if match is None:
        return source
    return open_data_file(source, match[1] + INDEX_SUFFIX)


def _find_saved_variables(folder: Path) -> Source:
    if (folder / VARIABLES_INDEX).is_file():
        return Source(folder / VARIABLES_INDEX)
    raise CheckpointError(
        "is a SavedModel without variables: its weights are constants of the graph, or were not copied",
        where=str(folder),
        expected=str(VARIABLES_INDEX),
        found="none",
        hint="copy the folder variables too; a frozen graph is read once it is a .tflite or .onnx file",
    )


def _choose_index(folder: Path) -> Path:
    """The one index of a folder; of several, the one that the file `checkpoint` names as the last."""
    indexes = _list_indexes(folder)
    if len(indexes) == 1:
        return indexes[0]
    state = folder / STATE_NAME
    if state.is_file() and state.stat().st_size <= MAX_STATE_BYTES:
        match = STATE_LINE.search(state.read_text("utf-8", "replace"))
        last = Path(match[1]).name + INDEX_SUFFIX if match else ""
        for path in indexes:
            if path.name == last:
                return path
    raise CheckpointError(
        "is a folder with several TensorFlow checkpoints",
        where=str(folder),
        found=", ".join(path.name for path in indexes[:5])[:300],
        hint="give one of the .index files",
    )


def _read_header(index: Source, message: Message | None) -> int:
    """The number of data files, of BundleHeaderProto."""
    if message is not None and message.unsigned(2):
        raise CheckpointError(
            "was written on a machine of the other byte order",
            where=index.where,
            expected="little-endian",
            found="big-endian",
            hint="read and write it again with TensorFlow",
        )
    shards = message.unsigned(1, 1) if message is not None else 1
    return max(min(shards, 1 << 16), 1)


def _read_entry(index: Source, key: bytes, message: Message | None) -> _Entry:
    where = f"{index.where}, {key[:100]!r}"
    if message is None:
        raise CheckpointError("has an empty entry", where=where)
    shape_message = message.message(2)
    sides = [side.signed(1) for side in shape_message.messages(2)] if shape_message else []
    if shape_message is not None and shape_message.unsigned(3):
        raise CheckpointError("has a variable of unknown shape", where=where)
    checksum = message.fields.get(6, [b""])[-1]
    slices = tuple(
        tuple((extent.signed(1), extent.signed(2, -1)) for extent in part.messages(1))
        for part in message.messages(7)
    )
    return _Entry(
        message.unsigned(1),
        check_shape(sides, where),
        message.unsigned(3),
        message.unsigned(4),
        message.unsigned(5),
        checksum if isinstance(checksum, bytes) else b"",
        slices,
    )


def _describe_entry(
    files: _DataFiles, entries: Mapping[bytes, _Entry], key: bytes, entry: _Entry
) -> Tensor | Skip:
    name = key.decode("utf-8", "replace")
    if entry.dtype == STRING:
        return Skip(name, "text, which is no weight")
    if entry.dtype not in DTYPES:
        return Skip(name, f"elements of TensorFlow's type {entry.dtype}", is_weight=True)
    if not entry.slices:
        return _place_entry(files, name, entry)
    boxes: dict[tuple[Shape, Shape], Chunk] = {}
    for extents in entry.slices:
        part = entries.get(_encode_slice_key(key, extents))
        if part is None or part.dtype != entry.dtype:
            raise CheckpointError(
                f"lacks a part of the variable {name[:200]}", where=files.index.where
            )
        pairs = list(zip(extents, entry.shape, strict=False))
        offsets = tuple(start if length >= 0 else 0 for (start, length), _ in pairs)
        sizes = tuple(length if length >= 0 else side for (_, length), side in pairs)
        if part.shape != sizes or min(offsets, default=0) < 0:
            raise CheckpointError(
                f"has a part of the variable {name[:200]} of another shape",
                where=files.index.where,
                expected=list(sizes),
                found=list(part.shape),
            )
        boxes[offsets, sizes] = Chunk(offsets, sizes, _place_entry(files, name, part).data)
    check_chunks(list(boxes), entry.shape, f"{files.index.where}, {name[:200]}")
    dtype = DTYPES[entry.dtype]
    data = ChunkedData(tuple(boxes.values()), entry.shape, dtype)
    return Tensor(name, entry.shape, dtype, data, count_stored_bytes(dtype, entry.shape))


def _place_entry(files: _DataFiles, name: str, entry: _Entry) -> Tensor:
    span = (entry.offset, entry.offset + entry.size)
    return place_tensor(files.open(entry), span, name, DTYPES[entry.dtype], entry.shape)


def _encode_slice_key(name: bytes, extents: tuple[tuple[int, int], ...]) -> bytes:
    """The key under which a part of a variable stands: its name and extents in an order-preserving code."""
    escaped = name.replace(b"\xff", b"\xff\x00").replace(b"\x00", b"\x00\xff")
    key = b"\x00" + escaped + b"\x00\x01" + _encode_count(len(extents))
    return key + b"".join(_encode_signed(number) for extent in extents for number in extent)


def _encode_count(number: int) -> bytes:
    content = number.to_bytes((number.bit_length() + 7) // 8, "big")
    return bytes([len(content)]) + content


def _encode_signed(number: int) -> bytes:
    """As many bytes as the number needs with 7 bits in each; the first ones say how many, as leading bits."""
    magnitude = ~number if number < 0 else number
    length = min(magnitude.bit_length() // 7 + 1, 8)
    bits = 8 * length
    mask = ((1 << length) - 1) << (bits - length)
    return ((number & ((1 << bits) - 1)) ^ mask).to_bytes(length, "big")


def _read_full_names(files: _DataFiles, entry: _Entry | None) -> dict[str, str]:
    """What each variable is called in its program, by its key; of TrackableObjectGraph, a text in the data."""
    if entry is None or entry.dtype != STRING or entry.slices:
        return {}
    data = files.open(entry).window(entry.offset, entry.size)
    start = 0
    while start < data.size and data.bytes(start, 1)[0] >= 0x80:
        start += 1
    start += 1 + 4  # the length of the text, and its checksum
    if start >= data.size:
        return {}
    graph = Message(data, ((start, data.size),))
    names: dict[str, str] = {}
    for node in graph.messages(1):
        for attribute in node.messages(2):
            names[attribute.text(3)] = attribute.text(2)
    return names


def _drop_second_copies(
    tensors: dict[str, Tensor],
    entries: Mapping[bytes, _Entry],
    full_names: Mapping[str, str],
    skips: list[Skip],
) -> dict[str, Tensor]:
    """One of each variable that is saved twice under one name with one checksum."""
    kept: dict[str, Tensor] = {}
    marks: set[tuple[str, Shape, str, bytes]] = set()
    copies: list[str] = []
    for key in sorted(tensors, key=lambda key: key.startswith("_")):
        tensor, full_name = tensors[key], full_names.get(key, "")
        checksum = entries[key.encode("utf-8", "surrogateescape")].checksum if full_name else b""
        mark = (full_name, tensor.shape, tensor.dtype, checksum)
        if full_name and checksum and mark in marks:
            copies.append(key)
            continue
        marks.add(mark)
        kept[key] = tensor
    if copies:
        count = format_count(len(copies), "variable")
        skips.append(
            Skip(f"{copies[0]} and more", f"{count} saved once more, with the same checksum")
        )
    return kept
