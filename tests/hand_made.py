"""Traces and cases from a few arrays, for tests of one module at a time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from auscult.comparison.modules import ModuleTree
from auscult.traces.fingerprint import fingerprint_content
from auscult.traces.records import Manifest, Record, Trace
from auscult.traces.statistics import summarise_tensor
from auscult.weights import Array, ModuleInfo

Row = tuple[str, Array]


def make_noise(*shape: int, seed: int = 0) -> Array:
    return np.random.default_rng((seed, *shape)).standard_normal(shape).astype(np.float32)


def make_record(key: str, array: Array, order: int = 0, **changes: Any) -> Record:
    """A record from its key `path#call:role`; call 0 and `output` where they are not given."""
    path, _, role = key.partition(":")
    path, _, call = path.partition("#")
    fields: dict[str, Any] = {
        "path": path,
        "call": int(call or 0),
        "role": role or "output",
        "order": order,
        "type": "Linear",
        "shape": array.shape,
        "dtype": array.dtype.name,
        "statistics": summarise_tensor(array).statistics,
    }
    return Record(**{**fields, **changes})


def make_trace(
    rows: Iterable[Row],
    *,
    types: Mapping[str, str] | None = None,
    weights: Mapping[str, Mapping[str, Array]] | None = None,
    stored: str = "full",
    notes: Mapping[str, Any] | None = None,
) -> Trace:
    """A trace of arrays by key, in the order of the run; an array that comes twice is one tensor."""
    types = types or {}
    first_keys: dict[int, str] = {}
    values: dict[str, Array] = {}
    records = []
    for order, (key, array) in enumerate(rows):
        record = make_record(key, array, order, stored=stored)
        first_key = first_keys.setdefault(id(array), record.key)
        changes = {
            "type": types.get(record.path, "Linear"),
            "same_as": first_key if first_key != record.key else None,
        }
        records.append(make_record(key, array, order, stored=stored, **changes))
        values[record.key] = array
    manifest = Manifest(
        "numpy",
        dtype="float32",
        weights={
            path: {name: fingerprint_content(array) for name, array in owned.items()}
            for path, owned in (weights or {}).items()
        },
        modules={path: ModuleInfo(path, kind) for path, kind in types.items()},
        notes=notes or {},
    )
    return Trace(manifest, tuple(records), values.__getitem__)


def make_tree(rows: Iterable[Row], **options: Any) -> ModuleTree:
    return ModuleTree.of(make_trace(rows, **options))
