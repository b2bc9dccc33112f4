"""A model's folder in the cache of huggingface_hub: `models--org--name/snapshots/COMMIT/...`.

The snapshot that `refs/main` names is taken, else the only one there is; what it holds is read as a folder of its own.
"""

from __future__ import annotations

from pathlib import Path

from auscult.checkpoint.contents import Contents
from auscult.checkpoint.source import Source
from auscult.errors import CheckpointError
from auscult.facts.hub_address import read_ref

FORMAT = "hub-cache"


def sniff(source: Source, head: bytes) -> bool:  # noqa: ARG001  a folder has no first bytes
    """A folder with `snapshots`, and `refs` or `blobs` beside it."""
    if not source.is_folder:
        return False
    path = source.path
    return (path / "snapshots").is_dir() and ((path / "refs").is_dir() or (path / "blobs").is_dir())


def read(source: Source) -> Contents:
    """The model of one snapshot.

    Raises:
        CheckpointError: If there is no snapshot, or there are several and `refs/main` names none of them.
    """
    from dataclasses import replace

    from auscult.checkpoint import read_contents

    format_name, contents = read_contents(Source(_choose_snapshot(source.path)))
    return replace(contents, format=contents.format or format_name)


def _choose_snapshot(path: Path) -> Path:
    snapshots = sorted(entry for entry in (path / "snapshots").iterdir() if entry.is_dir())
    commit = read_ref(path / "refs" / "main")
    named = [entry for entry in snapshots if entry.name == commit]
    if named:
        return named[0]
    if len(snapshots) == 1:
        return snapshots[0]
    if snapshots:
        raise CheckpointError(
            "has several snapshots, and refs/main names none of them",
            where=str(path),
            found=", ".join(entry.name[:12] for entry in snapshots[:5]),
            hint="give one of the folders in snapshots",
        )
    raise CheckpointError(
        "is a cache folder without a snapshot",
        where=str(path),
        hint="fetch the model again",
    )
