"""The module tree of a checkpoint with repeated blocks folded, and histograms of its tensors."""

from __future__ import annotations

import re
from collections.abc import Iterable
from fnmatch import fnmatchcase
from math import prod

from auscult.errors import UsageError
from auscult.facts.words import fold
from auscult.finding import Json
from auscult.weights import Checkpoint

BINS = 24
MAX_HISTOGRAMS = 24
_PARAMETRISED = re.compile(r"^(.*?)\.?(parametrizations\.[^.]+\.original\d)$")


def module_tree(checkpoint: Checkpoint) -> list[Json]:
    """One row per kind of module: pattern of the paths, how many, the tensors that each holds, and its class if code told it.

    Modules are of one kind if their paths differ in numbers only and their tensors have equal names, shapes and dtypes.
    """
    held: dict[str, list[tuple[str, tuple[int, ...], str]]] = {}
    for name, tensor in checkpoint.items():
        path, leaf = _cut(name)
        held.setdefault(path, []).append((leaf, tensor.shape, tensor.dtype))
    kinds: dict[tuple[object, ...], list[str]] = {}
    for path, leaves in held.items():
        kinds.setdefault(
            (re.sub(r"\d+", "#", path), tuple(leaves), _type(checkpoint, path)), []
        ).append(path)
    rows = []
    for (_, _, kind), paths in kinds.items():
        leaves = held[paths[0]]
        size = sum(prod(shape) for _, shape, _ in leaves)
        tensors = [
            {"name": leaf, "shape": list(shape), "dtype": dtype} for leaf, shape, dtype in leaves
        ]
        for part in fold(paths):
            row: Json = {
                "path": part.pattern,
                "count": part.size,
                "parameters": size * part.size,
                "tensors": tensors,
            }
            rows.append({**row, "type": kind} if kind else row)
    return rows


def _cut(name: str) -> tuple[str, str]:
    """Module path and the tensor's own name: parametrised tensors belong to the module that they parametrise."""
    matched = _PARAMETRISED.match(name)
    if matched:
        return matched[1], matched[2]
    path, _, leaf = name.rpartition(".")
    return path, leaf


def _type(checkpoint: Checkpoint, path: str) -> str | None:
    info = checkpoint.modules.get(path) if checkpoint.is_code else None
    return info.type if info else None


def histograms(checkpoint: Checkpoint, patterns: Iterable[str]) -> dict[str, Json]:
    """Counts of the values of each matching tensor in `BINS` equal bins between its finite extremes.

    Raises:
        UsageError: If a pattern fits no tensor.
    """
    import numpy as np

    from auscult.checkpoint.moments import as_float

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
            values = as_float(checkpoint[name].values())
            values = values[np.isfinite(values)]
            if len(values):
                counts, edges = np.histogram(values, BINS)
                result[name] = {"counts": counts.tolist(), "edges": edges.tolist()}
    return result
