"""The manifest of a trace as JSON, and back. `docs/trace-format.md` describes it."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import fields
from typing import Any

from auscult.errors import TraceError
from auscult.traces.records import Manifest, Record, TensorStatistics
from auscult.traces.sketch import SKETCH_VERSION as PROJECTION
from auscult.weights import ModuleInfo

MANIFEST_KEY = "auscult_trace"
MANIFEST_VERSION = 1
RECORD_KEY_PATTERN = re.compile(
    r"(?P<path>.*?)(?:#(?P<call>\d{1,9}))?(?::(?P<role>[^:#]+(?::[^:#]+)?))?", re.DOTALL
)
_PLAIN_FIELDS = ("framework", "version", "dtype", "device", "weights", "seeds", "noise", "notes")


def manifest_to_json(
    manifest: Manifest, records: Iterable[Record], left_out: Mapping[str, str]
) -> str:
    """The text that goes into the file's metadata under KEY."""
    value = {
        MANIFEST_KEY: MANIFEST_VERSION,
        **{name: getattr(manifest, name) for name in _PLAIN_FIELDS},
        "sketch": PROJECTION,
        "modules": {
            path: {"type": info.type, "attributes": info.attributes}
            for path, info in manifest.modules.items()
        },
        "records": [_record_to_json(record) for record in records],
        "left_out": left_out,
    }
    try:
        return json.dumps(value, separators=(",", ":"), allow_nan=False, default=str)
    except (ValueError, TypeError):
        # Infinities, or keys that are no text: rare, and costly to look for in every trace.
        return json.dumps(_to_plain_json(value), separators=(",", ":"), allow_nan=False)


def _record_to_json(record: Record) -> dict[str, Any]:
    row = {
        name: getattr(record, name)
        for name in ("path", "call", "role", "type", "shape", "dtype", "stored")
    }
    row |= {
        name: value for name in ("axes", "same_as") if (value := getattr(record, name)) is not None
    }
    statistics = dict(vars(record.statistics))
    statistics["quantiles"] = [float(f"{value:.6g}") for value in record.statistics.quantiles]
    return {**row, "statistics": statistics}


def _to_plain_json(value: Any) -> Any:
    """JSON has no infinities: they become text, as do values that JSON does not know."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, Mapping):
        return {str(key): _to_plain_json(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [_to_plain_json(item) for item in value]
    if value is None or isinstance(value, bool | int | float | str):
        return value
    return str(value)


def parse_manifest(text: str, where: str) -> dict[str, Any]:
    """The manifest's JSON object.

    Raises:
        TraceError: If it is none, or of a version to come.
    """
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise TraceError(
            f"has a manifest that is no JSON: {str(error)[:200]}", where=where
        ) from error
    if not isinstance(value, dict):
        raise TraceError(
            "has a manifest that is no JSON object", where=where, found=type(value).__name__
        )
    version = value.get(MANIFEST_KEY, MANIFEST_VERSION)
    if version != MANIFEST_VERSION:
        raise TraceError(
            "was written by another version",
            where=where,
            expected=MANIFEST_VERSION,
            found=version,
            hint="update auscult",
        )
    return value


def manifest_from_json(value: Mapping[str, Any], where: str) -> Manifest:
    """The manifest from its JSON object; what is missing keeps its default.

    Raises:
        TraceError: If a field is of another kind.
    """
    value_by_field: dict[str, Any] = {name: value[name] for name in _PLAIN_FIELDS if name in value}
    expected = {
        **dict.fromkeys(_PLAIN_FIELDS[:4], str),
        **dict.fromkeys(("weights", "seeds", "notes"), dict),
        "noise": list,
    }
    for name, item in value_by_field.items():
        if not isinstance(item, expected[name]):
            raise TraceError(
                f"has an odd `{name}` in its manifest",
                where=where,
                expected=expected[name].__name__,
                found=type(item).__name__,
            )
    value_by_field["framework"] = value_by_field.get("framework", "unknown")
    value_by_field["noise"] = tuple(str(key) for key in value_by_field.get("noise", ()))
    modules = value.get("modules", {})
    if not isinstance(modules, dict):
        raise TraceError("has an odd `modules` in its manifest", where=where)
    return Manifest(
        **value_by_field,
        modules={path: _module_from_json(path, info) for path, info in modules.items()},
    )


def _module_from_json(path: str, info: Any) -> ModuleInfo:
    if not isinstance(info, dict):
        return ModuleInfo(path, str(info))
    kind, attributes = str(info.get("type", "")), info.get("attributes")
    if not isinstance(attributes, dict):
        return ModuleInfo(path, kind)
    values = {name: _lists_to_tuples(value) for name, value in attributes.items()}
    return ModuleInfo(path, kind, values)


def _lists_to_tuples(value: Any) -> Any:
    if isinstance(value, list):
        return tuple(_lists_to_tuples(item) for item in value)
    return value


def record_from_json(row: Any, order: int, where: str) -> Record:
    """A record from its JSON object.

    Raises:
        TraceError: If a field is missing or of another kind.
    """
    try:
        return Record(
            path=str(row["path"]),
            call=int(row.get("call", 0)),
            role=str(row.get("role", "output")),
            order=order,
            type=str(row.get("type", "")),
            shape=tuple(int(side) for side in row["shape"]),
            dtype=str(row["dtype"]),
            statistics=_statistics_from_json(row.get("statistics", {})),
            stored=str(row.get("stored", "full")),
            axes=_to_optional_text(row.get("axes")),
            same_as=_to_optional_text(row.get("same_as")),
        )
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise TraceError(
            f"has a damaged record {order} in its manifest: {error!r}", where=where
        ) from error


def _statistics_from_json(row: Mapping[str, Any]) -> TensorStatistics:
    names = {field.name for field in fields(TensorStatistics)}
    numbers: dict[str, Any] = {
        name: float(value) for name, value in row.items() if name in names and name != "quantiles"
    }
    numbers["non_finite"] = int(numbers.get("non_finite", 0))
    numbers["quantiles"] = tuple(map(float, row.get("quantiles", ())))
    return TensorStatistics(**numbers)


def _to_optional_text(value: Any) -> str | None:
    if value is None:
        return None
    return str(value)


def split_key(key: str) -> tuple[str, int, str]:
    """Path, call and role from a tensor's name: `path#call:role`, `path:role`, `path#call` or just
    `path`.
    """
    matched = RECORD_KEY_PATTERN.fullmatch(key)
    if matched is None:  # the pattern matches any text; a name is never lost over it
        return key, 0, "output"
    return matched["path"], int(matched["call"] or 0), matched["role"] or "output"
