"""The index of a distributed checkpoint of torch (DCP): which tensors there are, and where the pieces of each lie."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from auscult.checkpoint.contents import Opaque
from auscult.checkpoint.elements import check_shape
from auscult.checkpoint.pickle import make_machine
from auscult.checkpoint.source import Source
from auscult.errors import CheckpointError
from auscult.weights import Hazard, Shape

INDEX_NAME = ".metadata"
MARK = b"torch.distributed.checkpoint"
MARK_REACH = 4096
"""Bytes at the beginning of an index in which its class is named."""
INDEX_HINT = "the index is damaged: copy the whole checkpoint folder again"


class PiecePlace(NamedTuple):
    """Where a piece was written."""

    file: str
    offset: int
    length: int
    is_transformed: bool


class DcpIndex(NamedTuple):
    """What an index says."""

    entries: dict[str, Opaque]
    places: dict[tuple[str, Shape | None], PiecePlace]
    paths: Mapping[Any, Any]
    hazards: tuple[Hazard, ...]


def list_indexes(folder: Path) -> list[Path]:
    """The index of all ranks, or where there is none that of each rank."""
    try:
        if (folder / INDEX_NAME).is_file():
            return [folder / INDEX_NAME]
        return sorted(path for path in folder.glob(f"__*{INDEX_NAME}") if path.is_file())
    except OSError:
        return []


def is_index(source: Source) -> bool:
    try:
        head = source.bytes(0, min(source.size, MARK_REACH))
    except CheckpointError:
        return False
    return head[:1] == b"\x80" and MARK in head


def read_index(source: Source) -> DcpIndex:
    machine = make_machine(source, source.name, lambda _, __: Opaque("persistent id"))
    root = machine.run()
    state = root.state if isinstance(root, Opaque) else None
    if not isinstance(state, dict):
        raise make_index_error(source, "holds no Metadata")
    entries, storage = state.get("state_dict_metadata"), state.get("storage_data")
    if not isinstance(entries, dict) or not isinstance(storage, dict):
        raise make_index_error(source, "lacks state_dict_metadata or storage_data")
    named = {
        name: entry
        for name, entry in entries.items()
        if isinstance(name, str) and isinstance(entry, Opaque)
    }
    if len(named) != len(entries):
        raise make_index_error(source, "has an entry without a name")
    places = dict(_read_place(source, key, info) for key, info in storage.items())
    paths = state.get("planner_data")
    return DcpIndex(
        named,
        places,
        paths if isinstance(paths, dict) else {},
        tuple(machine.hazards.values()),
    )


def _read_place(source: Source, key: Any, info: Any) -> tuple[tuple[str, Shape | None], PiecePlace]:
    """A line of `storage_data`: MetadataIndex(fqn, offset, index) -> _StorageInfo(relative_path, offset, length)."""
    key_state = key.state if isinstance(key, Opaque) else None
    place = info.state if isinstance(info, Opaque) else None
    if not isinstance(key_state, dict) or not isinstance(place, dict):
        raise make_index_error(source, "has a storage entry of another form")
    name, box = key_state.get("fqn"), key_state.get("offset")
    file, offset, length = (place.get(part) for part in ("relative_path", "offset", "length"))
    if not isinstance(name, str) or not isinstance(file, str):
        raise make_index_error(source, "has a storage entry without a name or a file")
    if type(offset) is not int or type(length) is not int or offset < 0 or length < 0:
        raise make_index_error(source, f"has no place for {name[:200]}")
    is_transformed = bool(place.get("transform_descriptors"))
    box_offsets = None if box is None else read_counts(source, box)
    return (name, box_offsets), PiecePlace(file, offset, length, is_transformed)


def read_counts(source: Source, value: Any) -> Shape:
    if not isinstance(value, tuple | list) or not all(type(side) is int for side in value):
        raise make_index_error(source, "has a size that is none")
    return check_shape(value, source.where)


def make_index_error(source: Source, problem: str) -> CheckpointError:
    return CheckpointError(
        f"is an index of a distributed checkpoint (DCP) that {problem}",
        where=source.where,
        hint=INDEX_HINT,
    )


def join_entries(indexes: Iterable[DcpIndex]) -> dict[str, list[tuple[DcpIndex, Opaque]]]:
    """What the indexes say of each name."""
    joined: dict[str, list[tuple[DcpIndex, Opaque]]] = {}
    for index in indexes:
        for name, entry in index.entries.items():
            joined.setdefault(name, []).append((index, entry))
    return joined
