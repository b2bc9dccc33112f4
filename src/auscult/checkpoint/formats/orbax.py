"""Orbax' checkpoints of JAX programs: a folder with all arrays in one OCDBT store, or one folder of zarr for each array.

`_METADATA` has the tree of names. The folder above, with the items of one step (`default`, `state`), and a manager's folder with
one step in it are read too. Older versions keep small values in the MessagePack file `checkpoint` beside the arrays.
Source: orbax-checkpoint 0.12, orbax/checkpoint/_src/metadata/tree.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from auscult.checkpoint.bounded_json import parse_json
from auscult.checkpoint.contents import Contents
from auscult.checkpoint.formats import flax
from auscult.checkpoint.source import Source
from auscult.checkpoint.zarr_arrays import (
    DAMAGE_HINT,
    DESCRIPTIONS,
    MANIFEST_MAGIC,
    MANIFEST_NAME,
    ZarrStore,
    open_store,
)
from auscult.errors import CheckpointError
from auscult.finding import Skip

FORMAT = "orbax"
CHECKED_WITH = ("orbax-checkpoint 0.12.8", "tensorstore 0.1.86")
METADATA_NAME = "_METADATA"
AGGREGATE_NAME = "checkpoint"
PROCESS_PREFIX = "ocdbt.process_"
"""Folders in which each process writes, before all are joined."""
ARRAY_TYPES = ("jax.Array", "np.ndarray")
MAX_LISTED = 10_000
"""Entries of a folder that are looked at to recognise the layout of one folder for each array."""


def sniff(source: Source, head: bytes) -> bool:  # noqa: ARG001 - a folder has none
    """A folder with a store, or with steps or items that have one."""
    return source.is_folder and bool(_find_items(source.path))


def read(source: Source) -> Contents:
    """The arrays by their names in the tree.

    Raises:
        CheckpointError: If tensorstore is not installed, an array or a part of it is missing, or there are several steps.
    """
    items = _find_items(source.path)
    steps = {path.parent for path in items.values() if path.parent.name.isdigit()}
    if len(steps) > 1:
        raise CheckpointError(
            "has the checkpoints of several steps",
            where=str(source.path),
            found=", ".join(sorted((step.name for step in steps), key=int)[:10]),
            hint="give the folder of one step",
        )
    if all(name.startswith(PROCESS_PREFIX) for name in items):
        raise CheckpointError(
            "is an unfinished checkpoint: the parts of its processes were not joined",
            where=str(source.path),
            expected=MANIFEST_NAME,
            found=", ".join(items)[:200],
            hint="give an earlier step: the program stopped while it saved this one",
        )
    tree: dict[str, Any] = {}
    skips: list[Skip] = []
    for name, folder in items.items():
        content = _read_item(folder, skips)
        if len(items) == 1:
            tree = content
        else:
            tree[name] = content
    return Contents(tree, skips=tuple(skips))


def _find_items(path: Path) -> dict[str, Path]:
    """The folders with a store: this one, or those of a step, or of a manager's steps, by name."""
    if _is_item(path):
        return {path.name: path}
    items = {inner.name: inner for inner in _list_folders(path) if _is_item(inner)}
    if items:
        return items
    return {
        f"{step.name}.{inner.name}": inner
        for step in _list_folders(path)
        if step.name.isdigit()
        for inner in _list_folders(step)
        if _is_item(inner)
    }


def _is_item(path: Path) -> bool:
    manifest = path / MANIFEST_NAME
    try:
        if manifest.is_file():
            return Source(manifest).bytes(0, len(MANIFEST_MAGIC)) == MANIFEST_MAGIC
        return any(
            (inner / description).is_file()
            for inner in _list_folders(path)
            for description in DESCRIPTIONS
        )
    except (OSError, CheckpointError):
        return False


def _list_folders(path: Path) -> Iterator[Path]:
    try:
        for count, entry in enumerate(sorted(path.iterdir())):
            if count >= MAX_LISTED:
                return
            if entry.is_dir():
                yield entry
    except OSError:
        return


def _read_item(folder: Path, skips: list[Skip]) -> dict[str, Any]:
    store = open_store(folder)
    metadata = _read_metadata(folder)
    paths = dict(_iter_paths(folder, metadata))
    _check_arrays(folder, store, paths)
    is_complete = metadata.get("store_array_data_equal_to_fill_value") is True
    tree: dict[str, Any] = {}
    aggregate = folder / AGGREGATE_NAME
    if not store.is_database and aggregate.is_file():
        content = flax.read(Source(aggregate)).tree
        if isinstance(content, dict):
            tree = content
    for name in sorted(store.versions):
        described = store.describe(name, is_complete=is_complete)
        if isinstance(described, Skip):
            skips.append(described)
        else:
            path, _ = paths.get(name, (tuple(name.split(".")), ""))
            _put_at(tree, path, described, name)
    return tree


def _read_metadata(folder: Path) -> dict[str, Any]:
    path = folder / METADATA_NAME
    if not path.is_file():
        return {}
    source = Source(path)
    try:
        metadata = parse_json(source, 0, source.size)
    except ValueError as error:
        raise CheckpointError(
            f"cannot be parsed: {str(error)[:200]}", where=str(path), hint=DAMAGE_HINT
        ) from error
    return metadata if isinstance(metadata, dict) else {}


def _iter_paths(
    folder: Path, metadata: dict[str, Any]
) -> Iterator[tuple[str, tuple[tuple[str, ...], str]]]:
    """The keys of each value in the tree and its type, by the name of its array."""
    tree = metadata.get("tree_metadata", {})
    if not isinstance(tree, dict):
        raise CheckpointError("has no tree of names", where=str(folder / METADATA_NAME))
    for entry in tree.values():
        keys = entry.get("key_metadata") if isinstance(entry, dict) else None
        value = entry.get("value_metadata") if isinstance(entry, dict) else None
        if not isinstance(keys, list) or not isinstance(value, dict):
            continue
        names = tuple(str(key.get("key")) for key in keys if isinstance(key, dict))
        if value.get("skip_deserialize") is not True:
            yield ".".join(names), (names, str(value.get("value_type")))


def _check_arrays(
    folder: Path, store: ZarrStore, paths: dict[str, tuple[tuple[str, ...], str]]
) -> None:
    if not store.is_database and (folder / AGGREGATE_NAME).is_file():
        return  # an older version may keep a small array in that file
    for name, (_, kind) in paths.items():
        if kind in ARRAY_TYPES and name not in store.versions:
            raise CheckpointError(
                f"lacks the array {name[:200]}, which its {METADATA_NAME} lists",
                where=str(folder),
                hint=DAMAGE_HINT,
            )


def _put_at(tree: dict[str, Any], path: tuple[str, ...], value: Any, name: str) -> None:
    """Put a value at its keys; where something else stands there, under its whole name."""
    node: dict[str, Any] = tree
    for key in path[:-1]:
        child = node.get(key)
        if not isinstance(child, dict):
            if child is not None and not isinstance(child, str):
                tree[name] = value
                return
            child = node[key] = {}
        node = child
    node[path[-1]] = value
