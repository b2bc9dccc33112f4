"""Zarr arrays of a folder, read through tensorstore: one folder for each array, or all in one OCDBT store.

A chunk that is not there reads as zeros in zarr. Where the writer stored all chunks, a missing one is therefore an error here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

from auscult.checkpoint.elements import SUB_BYTE_BITS, check_shape
from auscult.checkpoint.source import ITEM_BYTES, ML_DTYPES, item_bytes
from auscult.errors import CheckpointError
from auscult.facts.install import format_install_command
from auscult.finding import Skip
from auscult.late import numpy as np
from auscult.weights import Array, Shape, Tensor

MANIFEST_NAME = "manifest.ocdbt"
MANIFEST_MAGIC = b"\x0c\xdb\x3a\x2a"
DESCRIPTIONS = {".zarray": "zarr", "zarr.json": "zarr3"}
"""The file that describes an array, by tensorstore's name of the version."""
CACHE_BYTES = 1 << 28
MAX_SMALL_BYTES = 1 << 28
MAX_INFLATION = 64
"""Beyond MAX_SMALL_BYTES an array may be so many times as large as all files of the folder together."""
MAX_KEYS = 4_000_000
DAMAGE_HINT = "copy the whole checkpoint folder again"


@dataclass(frozen=True)
class ZarrStore:
    """The arrays below one folder.

    Attributes:
        versions: tensorstore's driver of each array, by name.
        chunk_counts: How many chunks of each array are there.
    """

    folder: Path
    versions: dict[str, str]
    chunk_counts: Counter[str]
    file_bytes: int

    @property
    def is_database(self) -> bool:
        return (self.folder / MANIFEST_NAME).is_file()

    def describe(self, name: str, *, is_complete: bool) -> Tensor | Skip:
        """An array as a tensor.

        Args:
            is_complete: Whether the writer stored every chunk, also those of zeros.

        Raises:
            CheckpointError: If its description is damaged, or chunks are missing.
        """
        import tensorstore

        where = f"{self.folder}, array {name[:200]}"
        kvstore = {**_locate(self.folder), "path": f"{name}/"}
        if not self.is_database:
            kvstore["path"] = f"{self.folder.absolute()}/{name}/"
        context = tensorstore.Context({"cache_pool": {"total_bytes_limit": CACHE_BYTES}})
        with translate_errors(where):
            store = tensorstore.open(
                {"driver": self.versions[name], "kvstore": kvstore},
                open=True,
                read=True,
                context=context,
            ).result()
            shape = check_shape(store.shape, where)
            dtype = str(store.dtype.name)
            chunk = _fill_sides(store.chunk_layout.read_chunk.shape, shape)
            written = _fill_sides(store.chunk_layout.write_chunk.shape, chunk)
        if dtype not in ITEM_BYTES and (dtype not in ML_DTYPES or dtype in SUB_BYTE_BITS):
            return Skip(name, f"elements of type {dtype[:60]}", is_weight=dtype in SUB_BYTE_BITS)
        size = prod(shape) * item_bytes(dtype)
        limit = max(MAX_SMALL_BYTES, MAX_INFLATION * self.file_bytes)
        if max(size, prod(chunk) * item_bytes(dtype), prod(written) * item_bytes(dtype)) > limit:
            raise CheckpointError(
                "would be far larger than its files", where=where, expected=f"at most {limit} bytes"
            )
        needed = prod(-(-side // max(step, 1)) for side, step in zip(shape, written, strict=True))
        if is_complete and self.chunk_counts[name] < needed:
            raise CheckpointError(
                "lacks a part of its elements",
                where=where,
                expected=f"{needed} chunks",
                found=self.chunk_counts[name],
                hint=DAMAGE_HINT,
            )
        return Tensor(name, shape, dtype, _StoredData(store, where), size)


@dataclass(frozen=True)
class _StoredData:
    """Data that tensorstore reads, chunk by chunk."""

    store: Any
    where: str

    def array(self) -> Array:
        with translate_errors(self.where):
            return np.asarray(self.store.read().result())

    def flat(self, start: int, stop: int) -> Array:
        shape = tuple(self.store.shape)
        if not shape:
            return self.array().reshape(-1)[start:stop]
        places = np.unravel_index(np.arange(start, max(stop, start)), shape)
        with translate_errors(self.where):
            return np.asarray(self.store.vindex[places].read().result())


def open_store(folder: Path) -> ZarrStore:
    """List the arrays below a folder.

    Raises:
        CheckpointError: If tensorstore is not installed, or the store is damaged.
    """
    try:
        import tensorstore
    except ModuleNotFoundError as error:
        raise CheckpointError(
            "is a checkpoint of Orbax, and reading those needs tensorstore",
            where=str(folder),
            expected="the package tensorstore",
            found="none",
            hint=format_install_command("orbax"),
        ) from error
    with translate_errors(str(folder)):
        keys = tensorstore.KvStore.open(_locate(folder)).result().list().result()
        file_bytes = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    if len(keys) > MAX_KEYS:
        raise CheckpointError("has too many chunks", where=str(folder), found=len(keys))
    versions: dict[str, str] = {}
    counts: Counter[str] = Counter()
    for key in keys:
        name, _, part = key.decode("utf-8", "replace").partition("/")
        if part in DESCRIPTIONS:
            versions[name] = DESCRIPTIONS[part]
        elif part:
            counts[name] += 1
    return ZarrStore(folder, versions, counts, file_bytes)


def _fill_sides(sides: Sequence[int | None] | None, shape: Shape) -> Shape:
    """The sides of a chunk; along an axis where none is given it is as long as the array."""
    if not sides:
        return shape
    return tuple(total if side is None else side for side, total in zip(sides, shape, strict=True))


def _locate(folder: Path) -> dict[str, Any]:
    base = {"driver": "file", "path": f"{folder.absolute()}/"}
    if (folder / MANIFEST_NAME).is_file():
        return {"driver": "ocdbt", "base": base}
    return base


@contextmanager
def translate_errors(where: str) -> Iterator[None]:
    """What tensorstore raises of a damaged store, as a CheckpointError."""
    try:
        yield
    except CheckpointError:
        raise
    except Exception as error:
        problem = " ".join(str(error).split())[:300]
        raise CheckpointError(
            f"cannot be read by tensorstore: {problem}", where=where, hint=DAMAGE_HINT
        ) from error
