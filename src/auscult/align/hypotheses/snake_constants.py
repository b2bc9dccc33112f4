"""A Snake's logarithmic parameters as the constants of a graph: exp(alpha), and 1 / (exp(beta) + offset), under no telling name.

Both are so short that a fingerprint does not tell them from others; they are told by every element.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

import numpy as np

from auscult.align.derived import Candidate, View
from auscult.recipe.op import Op
from auscult.recipe.ops.exp import Exp
from auscult.recipe.ops.reciprocal import Reciprocal
from auscult.weights import Array

PRIORITY = 31
BOTH_WAYS = True

OFFSETS = (1e-9, 0.0)  # stable-audio-tools and BigVGAN add the first
NEAR = 1e-5  # relative; what confirms is the number format, this only finds
_PARAMETER = re.compile(r"(^|\.)(alpha|beta)$")


def propose(view: View) -> Iterator[Candidate]:
    targets = _by_size(view)
    for source in view.x.remaining():
        if (
            not _PARAMETER.search(source)
            or view.x.size(source) not in targets
            or view.x.prints[source].constant
        ):
            continue
        value = view.x.array(source).reshape(-1).astype(np.float64)
        with np.errstate(over="ignore"):
            grown = np.exp(value)
        for ops, expected in _forms(grown):
            for target in _equal(view, targets[view.x.size(source)], expected):
                yield Candidate((source,), (target,), ops, "snake-parametrisation", computed=True)


def _forms(grown: Array) -> Iterator[tuple[tuple[Op, ...], Array]]:
    yield (Exp(),), grown
    for offset in OFFSETS:
        yield (Exp(), Reciprocal(offset)), 1 / (grown + offset)


def _by_size(view: View) -> Mapping[int, tuple[list[str], Array]]:
    """The other side's short vectors of numbers, by length, each with their values one below the other."""
    names: dict[int, list[str]] = {}
    for name in view.y.remaining():
        if len(view.y.sides(name)) == 1 and view.y.kinds[name].startswith(("float", "bfloat")):
            names.setdefault(view.y.size(name), []).append(name)
    return {
        size: (
            found,
            np.stack([view.y.array(name).reshape(-1).astype(np.float64) for name in found]),
        )
        for size, found in names.items()
    }


def _equal(view: View, targets: tuple[list[str], Array], expected: Array) -> list[str]:
    names, values = targets
    near = np.abs(values - expected).max(axis=1) <= NEAR * max(float(np.abs(expected).max()), 1e-30)
    return [name for name, hit in zip(names, near, strict=True) if hit and name in view.y.left]
