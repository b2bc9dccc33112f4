"""Which sound files are meant: a file, a folder, or a pattern."""

from __future__ import annotations

import glob
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from auscult.errors import UsageError
from auscult.facts.audio_files import READABLE_SUFFIXES, UNREADABLE_SUFFIXES

MAX_NAMED_SUFFIXES = 8
"""Suffixes that a report names; of more it says how many files there are."""


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
            found=describe_passed_over(sources) or None,
            hint=f"they end in {', '.join(READABLE_SUFFIXES[:6])} ...",
        )
    return list(paths)


def describe_passed_over(sources: Sequence[str | Path]) -> str:
    """The suffixes that were passed over, in words; nothing where there are none."""
    counts = list_passed_over(sources)
    named = [f"{count} {suffix}" for suffix, count in list(counts.items())[:MAX_NAMED_SUFFIXES]]
    if len(counts) > MAX_NAMED_SUFFIXES:
        named.append(f"{sum(list(counts.values())[MAX_NAMED_SUFFIXES:])} others")
    return ", ".join(named)


def list_passed_over(sources: Sequence[str | Path]) -> dict[str, int]:
    """How many files of a folder are no sound by their suffix, and not listened to: sounds that
    libsndfile does not read by name first, then the others, the most frequent first.
    """
    counts: Counter[str] = Counter()
    for source in map(Path, sources):
        if source.is_dir():
            counts.update(
                file.suffix.lower() or "no suffix"
                for file in source.rglob("*")
                if file.suffix.lower() not in READABLE_SUFFIXES and file.is_file()
            )
    ranked = sorted(
        counts.items(), key=lambda item: (item[0] not in UNREADABLE_SUFFIXES, -item[1], item[0])
    )
    return dict(ranked)


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
