"""Flawed recordings in words: counts by cause, then the files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

MAX_LISTED = 20
"""Flawed recordings that a message lists. Chosen, not measured."""


def group_by_cause(
    causes_by_path: Mapping[str, Sequence[str]], folder: Path
) -> dict[str, list[str]]:
    """Recordings by what is wrong with them, named from the folder on."""
    files_by_cause: dict[str, list[str]] = {}
    for path, causes in causes_by_path.items():
        for cause in causes:
            files_by_cause.setdefault(cause, []).append(name_from(path, folder))
    return files_by_cause


def name_from(path: str, folder: Path) -> str:
    """A path from a folder on; the whole path of one that lies elsewhere."""
    return str(Path(path).relative_to(folder)) if folder in Path(path).parents else path


def format_flawed(causes_by_path: Mapping[str, Sequence[str]], folder: Path) -> str:
    """Counts by cause, then the recordings, at most `MAX_LISTED`."""
    left = MAX_LISTED
    parts: list[str] = []
    for cause, files in group_by_cause(causes_by_path, folder).items():
        shown = files[: max(left, 1)]
        left -= len(shown)
        more = f" and {len(files) - len(shown)} more" if len(files) > len(shown) else ""
        parts.append(f"{len(files)} {cause} ({', '.join(shown)}{more})")
    return "; ".join(parts)
