"""Records for tensors that come with names alone: from the names, and from what a short manifest
adds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from auscult.errors import TraceError
from auscult.traces.manifest import split_key
from auscult.traces.records import Record
from auscult.traces.statistics import summarise_tensor
from auscult.weights import Array


def iter_described_records(
    names: Iterable[str], array_of: Callable[[str], Array], manifest: Mapping[str, Any], where: str
) -> Iterator[tuple[str, Record]]:
    """Name and record of every tensor, in the manifest's `order` or as given.

    Args:
        manifest: May hold `order` (names), `types` (path to type) and `axes` (letters for all
            tensors of that rank, or by path).

    Raises:
        TraceError: If `order` names a tensor that is not there, or two names mean the same record.
    """
    unique_names = dict.fromkeys(names)
    order = [str(name) for name in read_manifest_field(manifest, "order", list, where)]
    unknown = [name for name in order if name not in unique_names]
    if unknown:
        raise TraceError("lacks a tensor that its `order` lists", where=where, found=unknown[0])
    types, axes = read_manifest_field(manifest, "types", dict, where), manifest.get("axes")
    name_by_key: dict[str, str] = {}
    for position, name in enumerate(dict.fromkeys([*order, *unique_names])):
        path, call, role = split_key(name)
        array = array_of(name)
        axis_letters = axes.get(path) if isinstance(axes, dict) else axes
        is_fitting = isinstance(axis_letters, str) and len(axis_letters) == array.ndim
        record = Record(
            path,
            call,
            role,
            position,
            str(types.get(path, "")),
            tuple(array.shape),
            array.dtype.name,
            summarise_tensor(array).statistics,
            axes=str(axis_letters) if is_fitting else None,
        )
        if record.key in name_by_key:
            raise TraceError(
                "has two names for one record",
                where=where,
                found=f"{name_by_key[record.key]} and {name}",
            )
        name_by_key[record.key] = name
        yield name, record


def read_manifest_field(value: Mapping[str, Any], name: str, kind: type, where: str) -> Any:
    """A field of the manifest, or an empty one.

    Raises:
        TraceError: If it is of another kind.
    """
    field_value = value.get(name, kind())
    if not isinstance(field_value, kind):
        raise TraceError(
            f"has an odd `{name}` in its manifest",
            where=where,
            expected=kind.__name__,
            found=type(field_value).__name__,
        )
    return field_value
