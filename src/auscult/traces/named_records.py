"""Records for tensors that come with names alone: from the names, and from what a short manifest adds."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from auscult.errors import TraceError
from auscult.traces.manifest import split_key
from auscult.traces.records import Record
from auscult.traces.statistics import summarise
from auscult.weights import Array


def describe(
    names: Iterable[str], array_of: Callable[[str], Array], manifest: Mapping[str, Any], where: str
) -> Iterator[tuple[str, Record]]:
    """Name and record of every tensor, in the manifest's `order` or as given.

    Args:
        manifest: May hold `order` (names), `types` (path to type) and `axes` (letters for all tensors of that rank, or by path).

    Raises:
        TraceError: If `order` names a tensor that is not there, or two names mean the same record.
    """
    known = dict.fromkeys(names)
    order = [str(name) for name in field(manifest, "order", list, where)]
    unknown = [name for name in order if name not in known]
    if unknown:
        raise TraceError("lacks a tensor that its `order` lists", where=where, found=unknown[0])
    types, axes = field(manifest, "types", dict, where), manifest.get("axes")
    seen: dict[str, str] = {}
    for position, name in enumerate(dict.fromkeys([*order, *known])):
        path, call, role = split_key(name)
        array = array_of(name)
        meaning = axes.get(path) if isinstance(axes, dict) else axes
        fits = isinstance(meaning, str) and len(meaning) == array.ndim
        record = Record(
            path,
            call,
            role,
            position,
            str(types.get(path, "")),
            tuple(array.shape),
            array.dtype.name,
            summarise(array).statistics,
            axes=str(meaning) if fits else None,
        )
        if record.key in seen:
            raise TraceError(
                "has two names for one record", where=where, found=f"{seen[record.key]} and {name}"
            )
        seen[record.key] = name
        yield name, record


def field(value: Mapping[str, Any], name: str, kind: type, where: str) -> Any:
    """A field of the manifest, or an empty one.

    Raises:
        TraceError: If it is of another kind.
    """
    found = value.get(name, kind())
    if not isinstance(found, kind):
        raise TraceError(
            f"has an odd `{name}` in its manifest",
            where=where,
            expected=kind.__name__,
            found=type(found).__name__,
        )
    return found
