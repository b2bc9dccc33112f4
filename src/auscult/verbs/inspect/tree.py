"""The module tree of a checkpoint with repeated blocks folded, and histograms of its tensors."""

from __future__ import annotations

import re
from collections.abc import Iterable
from fnmatch import fnmatchcase
from math import prod
from typing import NamedTuple

from auscult.errors import UsageError
from auscult.facts.words import fold_names
from auscult.finding import Json
from auscult.weights import Checkpoint

BINS = 24
MAX_HISTOGRAMS = 24
_PARAMETRISED_NAME = re.compile(r"^(.*?)\.?(parametrizations\.[^.]+\.original\d)$")


class _Leaf(NamedTuple):
    """A tensor of a module: its own name, and how it is stored where it is quantised."""

    name: str
    shape: tuple[int, ...]
    dtype: str
    storage: str | None

    def to_json(self) -> Json:
        row: Json = {"name": self.name, "shape": list(self.shape), "dtype": self.dtype}
        if self.storage is not None:
            row["storage"] = self.storage
        return row


def build_module_tree(checkpoint: Checkpoint) -> list[Json]:
    """One row per kind of module: pattern of the paths, how many, the tensors that each holds, and
    its class if code told it.

    Modules are of one kind if their paths differ in numbers only and their tensors have equal
    names, shapes and dtypes.
    """
    leaves_by_path: dict[str, list[_Leaf]] = {}
    for name, tensor in checkpoint.items():
        path, own_name = _split_name(name)
        storage = tensor.weight_storage
        leaf = _Leaf(own_name, tensor.shape, tensor.dtype, storage.label if storage else None)
        leaves_by_path.setdefault(path, []).append(leaf)
    kinds: dict[tuple[object, ...], list[str]] = {}
    for path, leaves in leaves_by_path.items():
        kinds.setdefault(
            (re.sub(r"\d+", "#", path), tuple(leaves), _find_module_type(checkpoint, path)), []
        ).append(path)
    rows = []
    for (_, _, kind), paths in kinds.items():
        leaves = leaves_by_path[paths[0]]
        size = sum(prod(leaf.shape) for leaf in leaves)
        tensors = [leaf.to_json() for leaf in leaves]
        for folded in fold_names(paths):
            row: Json = {
                "path": folded.pattern,
                "count": folded.size,
                "parameters": size * folded.size,
                "tensors": tensors,
            }
            if kind:
                row["type"] = kind
            rows.append(row)
    return rows


def _split_name(name: str) -> tuple[str, str]:
    """Module path and the tensor's own name: parametrised tensors belong to the module that they
    parametrise.
    """
    matched = _PARAMETRISED_NAME.match(name)
    if matched:
        return matched[1], matched[2]
    path, _, leaf = name.rpartition(".")
    return path, leaf


def _find_module_type(checkpoint: Checkpoint, path: str) -> str | None:
    if checkpoint.is_code and path in checkpoint.modules:
        return checkpoint.modules[path].type
    return None


def build_histograms(checkpoint: Checkpoint, patterns: Iterable[str]) -> dict[str, Json]:
    """Counts of the values of each matching tensor in `BINS` equal bins between its finite
    extremes.

    Raises:
        UsageError: If a pattern fits no tensor.
    """
    import numpy as np

    from auscult.checkpoint.moments import to_float64

    result: dict[str, Json] = {}
    for pattern in patterns:
        names = [name for name in checkpoint if name == pattern or fnmatchcase(name, pattern)]
        if not names:
            raise UsageError(
                "no tensor has such a name",
                where=f"--histogram {pattern}",
                hint="`*` matches anything; --tensors lists all",
            )
        for name in names[:MAX_HISTOGRAMS]:
            values = to_float64(checkpoint[name].values())
            values = values[np.isfinite(values)]
            if len(values):
                counts, edges = np.histogram(values, BINS)
                result[name] = {"counts": counts.tolist(), "edges": edges.tolist()}
    return result
