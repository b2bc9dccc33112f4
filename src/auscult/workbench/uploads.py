"""Files that were dropped on the page: written to a temporary folder, no more than a given number of bytes in all."""

from __future__ import annotations

import re
from collections.abc import AsyncIterable
from pathlib import Path
from typing import BinaryIO

from auscult.errors import UsageError

MAX_NAME = 120
"""Characters of a file name that are kept, below the 255 bytes of the usual file systems in any script."""
RESERVED_CHARACTERS = re.compile(r'[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e<>:"/\\|?*]')
"""What no file system takes, or what hides the true name of a file from its reader."""


class Uploads:
    """The folder of the dropped files, each in a folder of its own so that names may repeat."""

    def __init__(self, folder: Path, max_bytes: int) -> None:
        self._folder = folder
        self._max_bytes = max_bytes
        self._used_bytes = 0
        self._count = 0

    async def receive(self, name: str, chunks: AsyncIterable[bytes]) -> Path:
        """Write one file as its bytes arrive; gives where it lies.

        Raises:
            UsageError: If there is no room for it. Nothing of it is kept then.
        """
        self._count += 1
        file = self._folder / str(self._count) / clean_name(name)
        file.parent.mkdir(parents=True)
        used_before = self._used_bytes
        try:
            with file.open("wb") as handle:
                async for chunk in chunks:
                    self._write(handle, chunk, name)
        except BaseException:
            file.unlink(missing_ok=True)
            self._used_bytes = used_before
            raise
        return file

    def _write(self, handle: BinaryIO, chunk: bytes, name: str) -> None:
        self._used_bytes += len(chunk)
        if self._used_bytes > self._max_bytes:
            raise UsageError(
                "is too large for the room that is left for dropped files",
                where=clean_name(name),
                expected=f"{self._max_bytes:,} bytes in all",
                hint="choose it in the folder instead, or start with a larger --max-upload",
            )
        handle.write(chunk)


def clean_name(name: str) -> str:
    """The last part of a file name, without what a file system or a reader could take for something else."""
    last_part = re.split(r"[/\\]", name)[-1]
    cleaned = RESERVED_CHARACTERS.sub("_", last_part).strip(" .")
    if len(cleaned) > MAX_NAME:
        suffix = Path(cleaned).suffix[:MAX_NAME]
        cleaned = cleaned[: MAX_NAME - len(suffix)] + suffix
    return cleaned or "unnamed"
