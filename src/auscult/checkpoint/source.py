"""Bounded, memory-mapped access to a file: no read can leave the file, however wrong an offset in its header is."""

from __future__ import annotations

import mmap
import stat
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path, PurePosixPath
from typing import Any, Protocol
from weakref import WeakSet

from auscult.errors import CheckpointError
from auscult.late import numpy as np

ML_DTYPES = frozenset(
    (
        *(
            "bfloat16",
            "int4",
            "uint4",
            "int2",
            "uint2",
            "float4_e2m1fn",
            "float6_e2m3fn",
            "float6_e3m2fn",
        ),
        *("float8_e3m4", "float8_e4m3", "float8_e4m3b11fnuz", "float8_e4m3fn", "float8_e4m3fnuz"),
        *("float8_e5m2", "float8_e5m2fnuz", "float8_e8m0fnu"),
    )
)
MAX_EXPANDED_BYTES = (
    1 << 28
)  # a broadcast (stride 0) tensor may be this large, whatever its storage
MAX_EXPANSION = 4  # and beyond that at most so many times its storage
TRUNCATED_HINT = (
    "the file is truncated or damaged: fetch it again and compare its size with the original's"
)


@lru_cache(maxsize=64)
def dtype_of(name: str) -> np.dtype[Any]:
    """The numpy dtype (of ml_dtypes where numpy has none) of that name.

    ml_dtypes is imported only when one of its types is met: that import costs about half as much as numpy's.
    """
    if name in ML_DTYPES:
        import ml_dtypes

        kind: np.dtype[Any] = np.dtype(getattr(ml_dtypes, name))
        return kind
    return np.dtype(name)


ITEM_BYTES = {
    "bool": 1,
    "bfloat16": 2,
    "float16": 2,
    "float32": 4,
    "float64": 8,
    "complex64": 8,
    "complex128": 16,
} | {f"{sign}int{bits}": bits // 8 for sign in ("", "u") for bits in (8, 16, 32, 64)}


def item_bytes(name: str) -> int:
    """Bytes per element, without importing ml_dtypes for it where that can be avoided."""
    if name in ITEM_BYTES:
        return ITEM_BYTES[name]
    if name in ML_DTYPES:
        return 1
    return int(np.dtype(name).itemsize)


_OPEN_MAPS: WeakSet[mmap.mmap] = WeakSet()


def release_pages() -> None:
    """Give the pages of all open files back to the system, so that reading much needs little memory.

    The system reads them again, mostly from its cache, when they are asked for.
    """
    if hasattr(mmap, "MADV_DONTNEED"):
        for memory_map in list(_OPEN_MAPS):
            memory_map.madvise(mmap.MADV_DONTNEED)


class ByteSource(Protocol):
    """Something that bytes can be taken from: a file, a window of one, a compressed member of an archive."""

    @property
    def path(self) -> Path: ...

    @property
    def where(self) -> str: ...

    @property
    def size(self) -> int: ...

    def view(self, offset: int, length: int) -> memoryview:
        """`length` bytes at `offset`; a CheckpointError if they do not lie wholly inside."""


def make_bounds_error(where: str, size: int, offset: int, length: int) -> CheckpointError:
    """The error for a read that would leave its file or member."""
    request = f"{length} bytes at offset {offset}"
    return CheckpointError(
        "points outside the file",
        where=where,
        expected=f"at most {size} bytes",
        found=request,
        hint=TRUNCATED_HINT,
    )


@dataclass(frozen=True)
class Source:
    """A file, or a window of one: a part of it, or a member of an archive. Nothing is read until it is asked for.

    The path may also be a folder, for formats that are one; a folder has no bytes.

    Attributes:
        path: The file or folder on the disk.
        start: First byte of the window.
        length: Bytes in the window; -1 for the rest of the file.
        member: Name in the archive that the file is; empty for the file itself.
    """

    path: Path
    start: int = 0
    length: int = -1
    member: str = ""
    _parent: Source | None = field(default=None, repr=False, compare=False)
    _content: memoryview | None = field(default=None, repr=False, compare=False)

    @property
    def where(self) -> str:
        """How errors name it: the path, and the member in it."""
        if self.member:
            return f"{self.path}/{self.member}"
        return str(self.path)

    @cached_property
    def name(self) -> str:
        """The file's own name, without folders."""
        if self.member:
            return PurePosixPath(self.member).name
        return self.path.name

    @property
    def stem(self) -> str:
        return PurePosixPath(self.name).stem

    @property
    def suffix(self) -> str:
        return PurePosixPath(self.name).suffix

    @property
    def is_folder(self) -> bool:
        return not self.member and self.path.is_dir()

    @cached_property
    def size(self) -> int:
        """Bytes in the window.

        Raises:
            CheckpointError: If the file cannot be opened.
        """
        if self.length >= 0:
            return self.length
        return len(self._file_view) - self.start

    @cached_property
    def _file_view(self) -> memoryview:
        if self._parent is not None:
            return self._parent._file_view
        if self._content is not None:
            return self._content
        try:
            # A pipe would block and a device has no end: only plain files are opened.
            status = self.path.stat()
            if not stat.S_ISREG(status.st_mode):
                raise CheckpointError("is not a plain file", where=str(self.path))
            if status.st_size == 0:
                return memoryview(b"")
            with self.path.open("rb") as handle:
                memory_map = mmap.mmap(handle.fileno(), 0, access=mmap.ACCESS_READ)
                _OPEN_MAPS.add(memory_map)
                return memoryview(memory_map)
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise CheckpointError(f"cannot be opened: {reason}", where=str(self.path)) from error

    def view(self, offset: int, length: int) -> memoryview:
        """`length` bytes at `offset` of the window, without a copy.

        Raises:
            CheckpointError: If they do not lie wholly inside the window.
        """
        if offset < 0 or length < 0 or offset + length > self.size:
            raise make_bounds_error(self.where, self.size, offset, length)
        return self._file_view[self.start + offset : self.start + offset + length]

    def bytes(self, offset: int, length: int) -> bytes:
        """A copy of `length` bytes at `offset`; bounded like `view`."""
        return bytes(self.view(offset, length))

    def window(self, offset: int, length: int) -> Source:
        """A part of this source as a source of its own."""
        self.view(offset, length)
        return Source(self.path, self.start + offset, length, self.member, self._parent or self)

    def open_stored_member(self, name: str, offset: int, length: int) -> Source:
        """A file that lies uncompressed in this one, under its name in the archive.

        Raises:
            CheckpointError: If it does not lie wholly inside.
        """
        self.view(offset, length)
        member = self._join_member(name)
        return Source(self.path, self.start + offset, length, member, self._parent or self)

    def hold_inflated_member(self, name: str, content: memoryview) -> Source:
        """A file that lies compressed in this one, from its inflated bytes, which stay in memory."""
        return Source(self.path, 0, len(content), self._join_member(name), None, content)

    def _join_member(self, name: str) -> str:
        if self.member:
            return f"{self.member}/{name}"
        return name
