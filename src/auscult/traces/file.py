"""Traces on disk: plain safetensors files, written as the tensors appear, read when they are asked
for.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import struct
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from auscult.checkpoint.formats import safetensors
from auscult.checkpoint.source import Source
from auscult.checkpoint.writers.safetensors import DTYPE_NAMES
from auscult.errors import CheckpointError, TraceError
from auscult.facts.atomic import open_atomic_files
from auscult.traces.manifest import (
    MANIFEST_KEY,
    manifest_from_json,
    manifest_to_json,
    parse_manifest,
    record_from_json,
)
from auscult.traces.named_records import iter_described_records, read_manifest_field
from auscult.traces.records import SKETCH_SUFFIX, Manifest, Record, Trace
from auscult.traces.sketch import SKETCH_VERSION as PROJECTION
from auscult.weights import Array, Tensor

SPOOL_BYTES = 16 << 20
ROOM_BYTES = 1 << 20
PIECE_BYTES = 8 << 20


class FileStore:
    """Writes tensors to a safetensors file as they come; the file appears under its name when the
    trace is finished.

    Up to SPOOL_BYTES wait in memory and are written behind a header that fits. Beyond that they go
    straight to the disk, behind ROOM_BYTES left for the header; should it need more, the tensors
    are moved back once.

    Raises:
        UsageError: From the constructor, if the file is there and `force` is not given.
        CheckpointError: If the disk refuses.
    """

    def __init__(self, path: str | os.PathLike[str], *, force: bool = False) -> None:
        self.path = Path(path)
        self._table: dict[str, Any] = {}
        self._end = 0
        self._closing = contextlib.ExitStack()
        (self._file,) = self._closing.enter_context(
            open_atomic_files([self.path], force=force, durable=False)
        )
        self._spool: io.BytesIO | None = io.BytesIO()

    def put(self, key: str, array: Array) -> None:
        dtype = DTYPE_NAMES.get(array.dtype.name)
        if dtype is None:
            array = array.astype(np.complex64 if array.dtype.kind == "c" else np.float32)
            dtype = DTYPE_NAMES[array.dtype.name]
        array = np.asarray(array, order="C")
        if self._spool is not None and self._end + array.nbytes > SPOOL_BYTES:
            self._file.seek(ROOM_BYTES)
            self._file.write(self._spool.getbuffer())
            self._spool = None
        out: BinaryIO = self._file if self._spool is None else self._spool
        flat: Any = array.reshape(-1).view(np.uint8)
        out.write(memoryview(flat))
        self._table[key] = {
            "dtype": dtype,
            "shape": list(array.shape),
            "data_offsets": [self._end, self._end + array.nbytes],
        }
        self._end += array.nbytes

    def finish(
        self, manifest: Manifest, records: tuple[Record, ...], left_out: Mapping[str, str]
    ) -> Trace:
        table = {
            "__metadata__": {MANIFEST_KEY: manifest_to_json(manifest, records, left_out)},
            **self._table,
        }
        text = json.dumps(table, separators=(",", ":")).encode()
        text += b" " * (-len(text) % 8)
        if self._spool is not None:
            self._file.write(struct.pack("<Q", len(text)) + text)
            self._file.write(self._spool.getbuffer())
        else:
            room = max(ROOM_BYTES - 8, len(text))
            move_bytes_back(self._file, ROOM_BYTES, self._end, room + 8 - ROOM_BYTES)
            self._file.seek(0)
            self._file.write(struct.pack("<Q", room) + text.ljust(room))
        self._closing.close()
        return read_trace(self.path)

    def discard(self, error: BaseException | None = None) -> None:
        """Leave nothing on the disk."""
        error = error or CheckpointError("is not finished")
        with contextlib.suppress(type(error)):
            self._closing.__exit__(type(error), error, error.__traceback__)


def move_bytes_back(file: BinaryIO, start: int, size: int, distance: int) -> None:
    """Move `size` bytes at `start` by `distance` towards the end of the file."""
    if not distance:
        return
    position = size
    while position > 0:
        length = min(PIECE_BYTES, position)
        position -= length
        file.seek(start + position)
        piece = file.read(length)
        file.seek(start + position + distance)
        file.write(piece)


def read_trace(path: str | os.PathLike[str]) -> Trace:
    """Open a trace file; its tensors stay in the file until they are asked for.

    A safetensors file without a manifest is a trace too: its tensors' names are taken as
    `path#call:role`, its order as that of the bytes, and the statistics are worked out now.

    Raises:
        CheckpointError: If it is no safetensors file, or a damaged one.
        TraceError: If its manifest is damaged, or speaks of tensors that the file has not.
    """
    file_path, where = Path(path), str(path)
    tensors = _read_tensors(file_path)
    value = parse_manifest(
        safetensors.read_metadata(Source(file_path)).get(MANIFEST_KEY, "{}"), where
    )
    manifest = manifest_from_json(value, where)
    if "records" in value:
        records = _read_records(value, tensors, where)
        named_records = [(record.key, record) for record in records]
    else:
        named_records = list(
            iter_described_records(tensors, lambda name: tensors[name].numpy(), value, where)
        )
        if "order" not in value:
            notes = {**manifest.notes, "order": "unknown: that of the file's header"}
            manifest = replace(manifest, notes=notes)
    records = [record for _, record in named_records]
    if not manifest.noise:
        noise = tuple(record.key for record in records if record.role == "noise")
        manifest = replace(manifest, noise=noise)
    names = {record.key: name for name, record in named_records}

    def load_tensor(key: str, /) -> Array:
        tensor = tensors.get(names.get(key, key))
        if tensor is None:
            raise TraceError("holds no such tensor", where=where, found=key)
        return tensor.numpy()

    reasons = read_manifest_field(value, "left_out", dict, where)
    left_out = {str(key): str(reason) for key, reason in reasons.items()}
    return Trace(manifest, tuple(records), load_tensor, where, left_out)


def _read_records(
    value: Mapping[str, Any], tensors: Mapping[str, Tensor], where: str
) -> list[Record]:
    """The records that a manifest lists, each of which the file has to hold.

    Raises:
        TraceError: If one is damaged or missing, or its sketch is of another version.
    """
    rows = read_manifest_field(value, "records", list, where)
    records = [record_from_json(row, order, where) for order, row in enumerate(rows)]
    _check_records(records, tensors, where)
    projection = value.get("sketch", 1)
    if projection != PROJECTION and any(record.stored == "sketch" for record in records):
        raise TraceError(
            "has sketches of another version",
            where=where,
            expected=PROJECTION,
            found=projection,
            hint="trace again: sketches of two projections cannot be compared",
        )
    return records


def _read_tensors(path: Path) -> dict[str, Tensor]:
    """Every tensor of the file by name.

    Raises:
        CheckpointError: If it is no safetensors file.
    """
    if not path.is_file():
        raise CheckpointError("is no file", where=str(path), hint="check the path")
    with path.open("rb") as handle:
        head = handle.read(9)
    if not safetensors.sniff(Source(path.with_suffix(".safetensors")), head) or head[8:9] != b"{":
        hint = "`auscult trace` writes traces; a folder of .npy files becomes one with --from-npy"
        raise CheckpointError("is no trace: not a safetensors file", where=str(path), hint=hint)
    contents = safetensors.read(Source(path))
    return {name: value for name, value in contents.tree.items() if isinstance(value, Tensor)}


def _check_records(records: list[Record], tensors: Mapping[str, Tensor], where: str) -> None:
    """Every record must be readable as what it says it is, so that a later step does not fail on
    it.
    """
    keys = {record.key for record in records}
    for record in records:
        if record.stored == "statistics":
            continue
        name = record.same_as or record.key
        stored_name = name
        if record.stored == "sketch":
            stored_name = name + SKETCH_SUFFIX
        tensor = tensors.get(stored_name)
        if record.same_as is not None and record.same_as not in keys:
            raise TraceError(
                "speaks of a record that it has not", where=where, found=record.same_as
            )
        if tensor is None:
            raise TraceError("lacks a tensor that its manifest lists", where=where, found=name)
        if record.stored == "full" and tensor.shape != record.shape:
            raise TraceError(
                "has a tensor of another shape than its manifest says",
                where=f"{where} {name}",
                expected=record.shape,
                found=tensor.shape,
            )


def write_trace(trace: Trace, path: str | os.PathLike[str], *, force: bool = False) -> Trace:
    """Write a trace that is in memory (or elsewhere) to a file.

    Raises:
        UsageError: If the file is already there and `force` is not given.
    """
    store = FileStore(path, force=force)
    try:
        for record in trace.records:
            if record.same_as is None and record.stored in ("full", "sample"):
                store.put(record.key, trace.tensor(record))
            elif record.same_as is None and record.stored == "sketch":
                store.put(record.key + SKETCH_SUFFIX, trace.sketch(record))
        return store.finish(trace.manifest, trace.records, trace.left_out)
    except BaseException as error:
        store.discard(error)
        raise
