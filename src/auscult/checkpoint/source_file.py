"""A source as a file object, for libraries that read from one: nothing but the bytes of the source can be reached."""

from __future__ import annotations

import io
from typing import Any

from auscult.checkpoint.source import Source


class SourceFile(io.RawIOBase):
    """A source as a file that can be sought in, so that nothing but headers is read."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._position = 0

    def seekable(self) -> bool:
        return True

    def readable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._source.size}[whence]
        self._position = base + offset
        return self._position

    def tell(self) -> int:
        return self._position

    def readinto(self, buffer: Any) -> int:
        count = max(0, min(len(buffer), self._source.size - self._position))
        if count:
            buffer[:count] = self._source.view(self._position, count)
        self._position += count
        return count
