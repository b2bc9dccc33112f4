"""Which sound files are meant: a file, a folder, or a pattern."""

from __future__ import annotations

import glob
from collections.abc import Sequence
from pathlib import Path

from auscult.errors import UsageError
from auscult.facts.audio_files import READABLE_SUFFIXES


def find_sound_files(sources: Sequence[str | Path]) -> list[str]:
    """The files, each once, in order; those of a folder and of a pattern sorted.

    Raises:
        UsageError: If a source is neither there nor matches anything, or there are no sound files
            at all.
    """
    paths: dict[str, None] = {}
    for source in map(str, sources):
        for path in _expand_source(source):
            paths.setdefault(path, None)
    if not paths:
        raise UsageError(
            "no sound files",
            where=", ".join(map(str, sources)),
            hint=f"they end in {', '.join(READABLE_SUFFIXES[:6])} ...",
        )
    return list(paths)


def _expand_source(source: str) -> list[str]:
    path = Path(source)
    if path.is_dir():
        return sorted(
            str(file)
            for file in path.rglob("*")
            if file.suffix.lower() in READABLE_SUFFIXES and file.is_file()
        )
    if path.exists():
        return [source]
    matches = sorted(match for match in glob.glob(source, recursive=True) if Path(match).is_file())
    if not matches:
        raise UsageError("there is no such file, folder or pattern", where=source)
    return matches
