"""torch's distributed checkpoints (DCP): a folder with the index `.metadata` and one or more `__RANK_NUMBER.distcp` files.

The index is a pickle of `torch.distributed.checkpoint.metadata.Metadata`, which is interpreted and not run: the size and the
pieces of every tensor, and for each piece its file, offset and length. There the file holds what `torch.save` wrote of that
piece. Where each rank wrote its own index, these are `__RANK.metadata`. Source: torch/distributed/checkpoint/metadata.py and
filesystem.py, torch 2.0 to 2.13.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from math import prod
from pathlib import Path
from typing import Any

from auscult.checkpoint.beside import resolve_data_file
from auscult.checkpoint.chunks import Chunk, ChunkedData, check_chunks
from auscult.checkpoint.contents import Contents, Leaf, Opaque
from auscult.checkpoint.dcp_index import (
    INDEX_HINT,
    INDEX_NAME,
    DcpIndex,
    PiecePlace,
    is_index,
    join_entries,
    list_indexes,
    make_index_error,
    read_counts,
    read_index,
)
from auscult.checkpoint.formats import torch_zip
from auscult.checkpoint.pickle_values import GlobalName
from auscult.checkpoint.source import Source, item_bytes
from auscult.checkpoint.torch_tensors import TORCH_DTYPES
from auscult.errors import CheckpointError
from auscult.finding import Skip
from auscult.weights import Array, Hazard, Shape, Tensor, TensorData

FORMAT = "torch-dcp"
CHECKED_WITH = ("torch 2.13.0",)
DATA_SUFFIX = ".distcp"
MAX_OBJECT_BYTES = 1 << 16
MAX_OBJECTS = 1000
"""Pickled values beside the tensors, such as a count of steps: of more and larger ones the names are listed as skipped."""


def sniff(source: Source, head: bytes) -> bool:  # noqa: ARG001 - a folder has none, a piece has torch's own
    """A folder with an index of DCP, an index itself, or one of the files that it names."""
    if source.is_folder:
        return any(is_index(Source(path)) for path in list_indexes(source.path))
    is_index_name = not source.member and source.path.name.endswith(INDEX_NAME)
    return source.suffix == DATA_SUFFIX or (is_index_name and is_index(source))


def read(source: Source) -> Contents:
    """The tensors of all ranks, put together as they are read.

    Raises:
        CheckpointError: If the index is damaged, a file is missing, or one file is given without the others.
    """
    if source.suffix == DATA_SUFFIX:
        raise CheckpointError(
            "is one file of a distributed checkpoint (DCP), without the names of its tensors",
            where=source.where,
            expected=f"its folder, with the index {INDEX_NAME}",
            found=_describe_index_beside(source),
            hint="give the folder",
        )
    folder = source.path if source.is_folder else source.path.parent
    indexes = [read_index(Source(path)) for path in list_indexes(folder)]
    files = _FileSet(folder)
    tree: dict[Any, Any] = {}
    skips: list[Skip] = []
    hazards = [hazard for index in indexes for hazard in index.hazards]
    objects = 0
    for name, parts in join_entries(indexes).items():
        path = _find_path(name, indexes)
        if not _is_tensor(parts[0][1]):
            value, objects = _read_object(name, parts[0][0], files, objects, hazards)
        else:
            value = _describe_tensor(name, parts, files)
        if isinstance(value, Skip):
            skips.append(value)
        else:
            _put_at(tree, path, value, name)
    unique = {hazard.what: hazard for hazard in hazards}
    metadata = {"files": str(files.count)}
    return Contents(tree, metadata, tuple(unique.values()), tuple(skips))


@dataclass(frozen=True)
class _Piece:
    """What `torch.save` wrote of one box of a tensor; opened when it is first read."""

    source: Source
    shape: Shape
    dtype: str
    name: str

    def array(self) -> Array:
        return self._data.array()

    def flat(self, start: int, stop: int) -> Array:
        return self._data.flat(start, stop)

    @cached_property
    def _data(self) -> TensorData:
        tree = torch_zip.read(self.source).tree
        node = tree.get("tensor") if isinstance(tree, dict) else None
        tensor = node.describe(self.name) if isinstance(node, Leaf) else node
        if not isinstance(tensor, Tensor):
            found = tensor.reason if isinstance(tensor, Skip) else "no tensor"
        elif (tensor.shape, tensor.dtype) != (self.shape, self.dtype):
            found = f"{tensor.dtype} {list(tensor.shape)}"
        else:
            return tensor.data
        raise CheckpointError(
            f"has another piece of {self.name[:200]} than its index says",
            where=self.source.where,
            expected=f"{self.dtype} {list(self.shape)}",
            found=found,
            hint=INDEX_HINT,
        )


class _FileSet:
    """The files of a folder that an index may name, each opened once."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._opened: dict[str, Source] = {}

    @property
    def count(self) -> int:
        return len(self._opened)

    def open_piece(self, place: PiecePlace) -> Source:
        """The bytes of one piece.

        Raises:
            CheckpointError: If the file is not there, or is shorter than the index says.
        """
        source = self._opened.get(place.file)
        if source is None:
            path = resolve_data_file(self.folder, place.file, self.folder / INDEX_NAME)
            source = self._opened[place.file] = Source(path)
        return source.window(place.offset, place.length)


def _describe_index_beside(source: Source) -> str:
    if source.member:
        return "a member of an archive"
    if list_indexes(source.path.parent):
        return f"this file alone; {INDEX_NAME} lies in {source.path.parent}"
    return f"this file alone, and no {INDEX_NAME} beside it: the index has to be copied too"


def _is_tensor(entry: Opaque) -> bool:
    return isinstance(entry.state, dict) and "chunks" in entry.state


def _describe_tensor(
    name: str, parts: list[tuple[DcpIndex, Opaque]], files: _FileSet
) -> Tensor | Skip:
    source = Source(files.folder / INDEX_NAME)
    where = f"{source.where}, tensor {name[:200]}"
    shape = read_counts(source, parts[0][1].state.get("size"))
    dtype_name = _read_dtype(parts[0][1].state.get("properties"))
    if dtype_name not in TORCH_DTYPES:
        return Skip(name, f"elements of type {dtype_name}, which numpy cannot hold", is_weight=True)
    dtype = TORCH_DTYPES[dtype_name]
    chunks: dict[tuple[Shape, Shape], Chunk] = {}
    for index, entry in parts:
        for offsets, sizes in _iter_boxes(source, entry):
            place = index.places.get((name, offsets))
            if place is None:
                raise make_index_error(source, f"has no place for a piece of {name[:200]}")
            if place.is_transformed:
                reason = "its pieces were compressed or encrypted by an extension of the writer"
                return Skip(name, reason, is_weight=True)
            piece = _Piece(files.open_piece(place), sizes, dtype, name)
            chunks[offsets, sizes] = Chunk(offsets, sizes, piece)
    check_chunks(list(chunks), shape, where)
    if not chunks:
        return Skip(name, "a tensor without values")
    data = ChunkedData(tuple(chunks.values()), shape, dtype)
    return Tensor(name, shape, dtype, data, prod(shape) * item_bytes(dtype))


def _iter_boxes(source: Source, entry: Opaque) -> Iterator[tuple[Shape, Shape]]:
    """Offsets and sides of each piece of a tensor."""
    chunks = entry.state.get("chunks")
    if not isinstance(chunks, list):
        raise make_index_error(source, "has a tensor without pieces")
    for chunk in chunks:
        state = chunk.state if isinstance(chunk, Opaque) else None
        if not isinstance(state, dict):
            raise make_index_error(source, "has a piece without a place")
        yield read_counts(source, state.get("offsets")), read_counts(source, state.get("sizes"))


def _read_dtype(properties: Any) -> str:
    """Of TensorProperties, whose state begins with the type."""
    state = properties.state if isinstance(properties, Opaque) else None
    if isinstance(state, dict):
        dtype = state.get("dtype")
    elif isinstance(state, tuple) and state:
        dtype = state[0]
    else:
        dtype = None
    return dtype.name[:60] if isinstance(dtype, GlobalName) else "?"


def _read_object(
    name: str, index: DcpIndex, files: _FileSet, count: int, hazards: list[Hazard]
) -> tuple[Any, int]:
    """A pickled value beside the tensors, as a tree; it may hold tensors of its own."""
    place = next((place for (key, _), place in index.places.items() if key == name), None)
    if place is None or place.is_transformed or place.length > MAX_OBJECT_BYTES:
        return Skip(name, "a pickled value that is not read"), count
    if count >= MAX_OBJECTS:
        return Skip(name, f"a pickled value beyond the first {MAX_OBJECTS}"), count
    contents = torch_zip.read(files.open_piece(place))
    hazards += contents.hazards
    return contents.tree, count + 1


def _find_path(name: str, indexes: Iterable[DcpIndex]) -> tuple[str | int, ...]:
    """The keys under which the saving program had a value: the index keeps them where it joined them by dots."""
    for index in indexes:
        path = index.paths.get(name)
        if isinstance(path, tuple | list) and path and all(type(k) in (str, int) for k in path):
            return tuple(path)
    return (name,)


def _put_at(tree: dict[Any, Any], path: tuple[str | int, ...], value: Any, name: str) -> None:
    """Put a value at its keys; where two names want the same place, the second keeps its whole name."""
    node = tree
    for key in path[:-1]:
        child = node.setdefault(key, {})
        if not isinstance(child, dict):
            tree.setdefault(name, value)
            return
        node = child
    if path[-1] in node:
        tree.setdefault(name, value)
    else:
        node[path[-1]] = value
