"""The files of the folder that the page offers: recordings, weights, mels, reports and code."""

from __future__ import annotations

import os
from pathlib import Path

from auscult.facts.audio_files import READABLE_SUFFIXES
from auscult.finding import Json
from auscult.verbs.choose import WEIGHT_SUFFIXES

MAX_LISTED_FILES = 2000
"""More than a person looks through; the page searches among these."""
MAX_DEPTH = 6
"""Folders inside folders that are looked into."""
OFFERED_SUFFIXES = frozenset(
    (*READABLE_SUFFIXES, *WEIGHT_SUFFIXES, ".npy", ".tflite", ".h5", ".msgpack", ".json", ".py")
)
SKIPPED_FOLDERS = frozenset(("node_modules", "__pycache__", "site-packages"))
"""Besides those whose names begin with a dot."""


def list_files(folder: Path) -> tuple[list[Json], bool]:
    """Path below `folder` and size in bytes of each file that a verb could take, and whether these are all."""
    files: list[Json] = []
    for parent, folders, names in os.walk(folder):
        inside = Path(parent).relative_to(folder)
        if len(inside.parts) >= MAX_DEPTH:
            folders.clear()
        folders[:] = sorted(
            name for name in folders if name not in SKIPPED_FOLDERS and not name.startswith(".")
        )
        for name in sorted(names):
            file = Path(parent, name)
            if file.suffix.lower() not in OFFERED_SUFFIXES or not file.is_file():
                continue
            if len(files) == MAX_LISTED_FILES:
                return files, False
            files.append({"path": str(inside / name), "size": file.stat().st_size})
    return files, True
