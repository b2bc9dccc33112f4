"""A model's folder in the cache of huggingface_hub: `models--org--name/snapshots/COMMIT/...`.

The snapshot that `refs/main` names is taken, else the only one there is; what it holds is read as a folder of its own. The
cache itself, the folder above, is read where it holds one model.
"""

from __future__ import annotations

from pathlib import Path

from auscult.checkpoint.contents import Contents
from auscult.checkpoint.formats import shards
from auscult.checkpoint.source import Source
from auscult.errors import CheckpointError
from auscult.facts.hub_address import read_ref

FORMAT = "hub-cache"
MODEL_PREFIX = "models--"
MAX_LISTED_MODELS = 20
"""Models of a cache that an error names. Chosen, not measured."""


def sniff(source: Source, head: bytes) -> bool:
    """A folder with `snapshots`, and `refs` or `blobs` beside it; or one of such folders, with no weights of its own."""
    if not source.is_folder:
        return False
    if _is_model(source.path):
        return True
    return bool(_list_models(source.path)) and not shards.sniff(source, head)


def _is_model(path: Path) -> bool:
    return (path / "snapshots").is_dir() and ((path / "refs").is_dir() or (path / "blobs").is_dir())


def _list_models(path: Path) -> list[Path]:
    """The models of a cache, in order."""
    try:
        return sorted(
            entry
            for entry in path.iterdir()
            if entry.name.startswith(MODEL_PREFIX) and _is_model(entry)
        )
    except OSError:
        return []


def read(source: Source) -> Contents:
    """The model of one snapshot.

    Raises:
        CheckpointError: If there is no snapshot, or there are several and `refs/main` names none of them; or if the folder is a
            cache of several models.
    """
    from dataclasses import replace

    from auscult.checkpoint import read_contents

    folder = source.path if _is_model(source.path) else _choose_model(source.path)
    format_name, contents = read_contents(Source(_choose_snapshot(folder)))
    return replace(contents, format=contents.format or format_name)


def _choose_model(path: Path) -> Path:
    models = _list_models(path)
    if len(models) == 1:
        return models[0]
    shown = ", ".join(entry.name for entry in models[:MAX_LISTED_MODELS])
    if len(models) > MAX_LISTED_MODELS:
        shown += f" and {len(models) - MAX_LISTED_MODELS} more"
    raise CheckpointError(
        "is a cache of several models",
        where=str(path),
        expected="one model",
        found=shown,
        hint=f"give one of its folders, such as {path / models[0].name}",
    )


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
