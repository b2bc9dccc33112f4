"""What a verb is given as one side: a path, several paths, code, a live module or a checkpoint,
opened as one checkpoint.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from itertools import chain
from typing import Any

from auscult.errors import CheckpointError, UsageError
from auscult.finding import Json
from auscult.weights import Checkpoint, ModuleInfo, Tensor

CheckpointLike = Any
"""str, os.PathLike, Checkpoint, a torch or MLX module, or a sequence of paths that belong together.
"""


def open_side(
    source: CheckpointLike,
    *,
    container: str | None = None,
    kwargs: Json | None = None,
    is_code_enough: bool = False,
) -> Checkpoint:
    """The checkpoint behind what the user gave.

    Args:
        is_code_enough: Whether a pickle without tensors, but with code that loading it would run, is taken too.
        kwargs: Arguments for the callable, where the side is code.

    Raises:
        CheckpointError: If a file cannot be read, or has no tensors.
        TargetError: If code cannot be imported or called.
        UsageError: If files of one name on a side share the name of a tensor.
    """
    checkpoint = _open_source(source, container, kwargs)
    if checkpoint.tensors or checkpoint.skips or (is_code_enough and checkpoint.hazards):
        return checkpoint
    raise _build_empty_error(checkpoint)


def _build_empty_error(checkpoint: Checkpoint) -> CheckpointError:
    """The error for a file without tensors; names the code that a pickle would run instead."""
    if checkpoint.hazards:
        return CheckpointError(
            f"holds no tensors, but code: unpickling it would {_describe_hazards(checkpoint)}",
            where=checkpoint.path,
            hint="auscult did not run it; load it with pickle only if you trust who made it",
        )
    return CheckpointError(
        "holds no tensors",
        where=checkpoint.path,
        hint=(
            "--container names the part of the file to take"
            if checkpoint.containers
            else "give the file that has the weights"
        ),
    )


def _describe_hazards(checkpoint: Checkpoint) -> str:
    """Such as `call os.system, import shutil.rmtree`: called globals first, at most three."""
    called = dict.fromkeys(hazard.what for hazard in checkpoint.hazards if hazard.calls)
    imported = dict.fromkeys(hazard.what for hazard in checkpoint.hazards)
    phrases = [f"call {_shorten_name(name)}" for name in called]
    phrases += [f"import {_shorten_name(name)}" for name in imported if name not in called]
    if len(phrases) > 3:
        return ", ".join(phrases[:3]) + f" and {len(phrases) - 3} more"
    return ", ".join(phrases)


def _shorten_name(name: str) -> str:
    """The name in printable ASCII, at most 80 characters: the file's author chose it."""
    printable = name.encode("unicode_escape").decode("ascii")
    return printable if len(printable) <= 80 else printable[:77] + "..."


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


def widen_to_other(checkpoint: Checkpoint, source: CheckpointLike, other: Checkpoint) -> Checkpoint:
    """The file with its copies and critics too, where the other side has tensors of their names.

    `open_checkpoint` leaves an averaged copy and a discriminator out; a training module holds them.
    """
    if not isinstance(source, str | os.PathLike) or checkpoint.is_code:
        return checkpoint
    level = checkpoint.container
    left_out = [
        str(entry.path[-1])
        for entry in checkpoint.containers
        if entry.path and entry.path[:-1] == level and entry.kind in ("ema", "other")
    ]
    beginnings = tuple(f"{prefix}." for prefix in left_out)
    if not beginnings or not any(name.startswith(beginnings) for name in other):
        return checkpoint
    return open_side(source, container=".".join(map(str, level)))


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
    name_counts = Counter(chain.from_iterable(parts))
    shared_names = [name for name, count in name_counts.items() if count > 1]
    if shared_names and len({_get_file_stem(part) for part in parts}) < len(parts):
        raise UsageError(
            "two files of one side have the same name and hold tensors of the same names",
            where=parts[-1].path,
            found=shared_names[0],
            hint="give parts of one model",
        )
    renamed_parts = [_name_apart(part, frozenset(shared_names)) for part in parts]
    tensors: dict[str, Tensor] = {}
    metadata: dict[str, str] = {}
    modules: dict[str, ModuleInfo] = {}
    for part in renamed_parts:
        tensors |= part
        metadata |= part.metadata
        modules |= part.modules
    has_one_format = len({part.format for part in parts}) == 1
    has_one_container = len({part.container for part in parts}) == 1
    return replace(
        parts[0],
        path=" + ".join(part.path for part in parts),
        format=parts[0].format if has_one_format else "several",
        tensors=tensors,
        container=parts[0].container if has_one_container else (),
        metadata=metadata,
        hazards=tuple(chain.from_iterable(part.hazards for part in parts)),
        skips=tuple(chain.from_iterable(part.skips for part in parts)),
        modules=modules,
        ties=tuple(chain.from_iterable(part.ties for part in renamed_parts)),
    )


def _name_apart(part: Checkpoint, shared_names: frozenset[str]) -> Checkpoint:
    """The checkpoint with its file's name before the names that other files have too."""
    stem = _get_file_stem(part)
    new_names = {name: name for name in part}
    new_names |= {name: f"{stem}:{name}" for name in part if name in shared_names}
    tensors: dict[str, Tensor] = {}
    for name, tensor in part.items():
        if name in shared_names:
            tensors[new_names[name]] = replace(tensor, name=new_names[name])
        else:
            tensors[name] = tensor
    return replace(
        part,
        tensors=tensors,
        modules={new_names.get(path, path): info for path, info in part.modules.items()},
        ties=tuple(tuple(map(new_names.__getitem__, group)) for group in part.ties),
    )


def _get_file_stem(part: Checkpoint) -> str:
    return os.path.splitext(os.path.basename(part.path))[0]
