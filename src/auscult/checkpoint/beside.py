"""Files that a model file names as its own: they must stay in the model's folder."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from auscult.checkpoint.source import Source
from auscult.errors import CheckpointError


def open_data_file(model: Source, location: str) -> Source:
    """The file `location` in the folder of `model`, which names it.

    Raises:
        CheckpointError: If the model lies in an archive, and therefore has no folder; otherwise like `resolve_data_file`.
    """
    if model.member:
        raise CheckpointError(
            f"keeps data in another file, {location[:100]}, which cannot be reached in an archive",
            where=model.where,
            hint="unpack the archive and give the model file in its folder",
        )
    return Source(resolve_data_file(model.path.parent, location, model.path))


def resolve_data_file(folder: Path, location: str, model: Path) -> Path:
    """The path of `location` in `folder`, which `model` names.

    A link is followed only to the folder itself or to where the model itself really lies (download caches link both there).

    Raises:
        CheckpointError: If the location is absolute, has `..` in it, leads outside, or no file is there.
    """
    parts = PurePosixPath(location)
    is_malformed = not location or "\\" in location or "\0" in location or ":" in location
    if is_malformed or parts.is_absolute() or ".." in parts.parts:
        raise CheckpointError(
            "names a data file outside the model's folder",
            where=str(model),
            found=location[:100] or "no location",
            hint="this file may be hostile; a sound model names a file beside it",
        )
    path = folder / parts
    try:
        real_path, allowed_folders = path.resolve(), (folder.resolve(), model.resolve().parent)
        is_missing = not path.is_file()
    except (OSError, RuntimeError) as error:
        raise CheckpointError(
            "names a data file that cannot be opened", where=str(model), found=location[:100]
        ) from error
    if is_missing:
        hint = "fetch it too and put it in the same folder"
        raise CheckpointError(
            f"keeps data in {location[:100]}, which is not there", where=str(model), hint=hint
        )
    if not any(real_path.is_relative_to(allowed_folder) for allowed_folder in allowed_folders):
        raise CheckpointError(
            "names a data file that links outside the model's folder",
            where=str(model),
            found=location[:100],
        )
    return path
