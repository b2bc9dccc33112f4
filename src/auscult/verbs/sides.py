"""What a verb is given as one side: a path, several paths, code, a live module or a checkpoint,
opened as one checkpoint.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from auscult.errors import CheckpointError, UsageError
from auscult.finding import Json
from auscult.weights import Checkpoint, Tensor

CheckpointLike = Any
"""str, os.PathLike, Checkpoint, a torch or MLX module, or a sequence of paths that belong together.
"""


def open_side(
    source: CheckpointLike, *, container: str | None = None, kwargs: Json | None = None
) -> Checkpoint:
    """The checkpoint behind what the user gave.

    Args:
        kwargs: Arguments for the callable, where the side is code.

    Raises:
        CheckpointError: If a file cannot be read, or has no tensors.
        TargetError: If code cannot be imported or called.
        UsageError: If files of one name on a side share the name of a tensor.
    """
    checkpoint = _open_source(source, container, kwargs)
    if not checkpoint.tensors and not checkpoint.skips:
        raise CheckpointError(
            "holds no tensors",
            where=checkpoint.path,
            hint=(
                "--container names the part of the file to take"
                if checkpoint.containers
                else "give the file that has the weights"
            ),
        )
    return checkpoint


def _open_source(source: CheckpointLike, container: str | None, kwargs: Json | None) -> Checkpoint:
    if isinstance(source, Checkpoint):
        return source
    if isinstance(source, str | os.PathLike):
        return _open_target(os.fspath(source), container, kwargs)
    if isinstance(source, Sequence):
        return merge_checkpoints(
            [open_side(part, container=container, kwargs=kwargs) for part in source]
        )
    from auscult.checkpoint.target import state_of

    return state_of(source, path=type(source).__name__)


def _open_target(text: str, container: str | None, kwargs: Json | None) -> Checkpoint:
    if os.path.exists(text) or ":" not in text:
        from auscult.checkpoint import open_checkpoint

        return open_checkpoint(text, container)
    from auscult.checkpoint.target import open_target

    return open_target(text, kwargs, container)


def merge_checkpoints(parts: Sequence[Checkpoint]) -> Checkpoint:
    """Several files as one side, in the order given; a name that several of them have gets its
    file's name before it.

    Raises:
        UsageError: If there are none, or if files of one name have tensors of one name.
    """
    if not parts:
        raise UsageError("one side has no files", hint="give at least one path")
    if len(parts) == 1:
        return parts[0]
    name_counts = Counter(name for part in parts for name in part)
    new_names = [
        {name: f"{_get_file_stem(part)}:{name}" if name_counts[name] > 1 else name for name in part}
        for part in parts
    ]
    if len({_get_file_stem(part) for part in parts}) < len(parts) and any(
        count > 1 for count in name_counts.values()
    ):
        raise UsageError(
            "two files of one side have the same name and hold tensors of the same names",
            where=parts[-1].path,
            found=next(name for name, count in name_counts.items() if count > 1),
            hint="give parts of one model",
        )
    tensors: dict[str, Tensor] = {
        names[name]: tensor if names[name] == name else replace(tensor, name=names[name])
        for part, names in zip(parts, new_names, strict=True)
        for name, tensor in part.items()
    }
    metadata: Mapping[str, str] = {
        key: value for part in parts for key, value in part.metadata.items()
    }
    return replace(
        parts[0],
        path=" + ".join(part.path for part in parts),
        format=parts[0].format if len({part.format for part in parts}) == 1 else "several",
        tensors=tensors,
        container=parts[0].container if len({part.container for part in parts}) == 1 else (),
        metadata=metadata,
        hazards=tuple(hazard for part in parts for hazard in part.hazards),
        skips=tuple(skip for part in parts for skip in part.skips),
        modules={
            names.get(path, path): info
            for part, names in zip(parts, new_names, strict=True)
            for path, info in part.modules.items()
        },
        ties=tuple(
            tuple(names[name] for name in group)
            for part, names in zip(parts, new_names, strict=True)
            for group in part.ties
        ),
    )


def _get_file_stem(part: Checkpoint) -> str:
    return os.path.splitext(os.path.basename(part.path))[0]
