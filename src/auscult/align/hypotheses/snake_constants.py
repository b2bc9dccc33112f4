"""A Snake's logarithmic parameters as the constants of a graph: exp(alpha), and 1 / (exp(beta) + offset), under no telling name.

Both are so short that a fingerprint does not tell them from others; they are told by every element.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

import numpy as np

from auscult.align.derived import HypothesisView, Proposal
from auscult.recipe.op import Op
from auscult.recipe.ops.exp import Exp
from auscult.recipe.ops.reciprocal import Reciprocal
from auscult.weights import Array

PRIORITY = 31
BOTH_WAYS = True

DIVISOR_OFFSETS = (1e-9, 0.0)  # stable-audio-tools and BigVGAN add the first
MAX_RELATIVE_ERROR = 1e-5  # relative; what confirms is the number format, this only finds
_PARAMETER_NAME = re.compile(r"(^|\.)(alpha|beta)$")


def propose(view: HypothesisView) -> Iterator[Proposal]:
    targets = _group_by_size(view)
    for source in view.x.list_remaining():
        if (
            not _PARAMETER_NAME.search(source)
            or view.x.size(source) not in targets
            or view.x.fingerprints[source].constant
        ):
            continue
        value = view.x.array(source).reshape(-1).astype(np.float64)
        with np.errstate(over="ignore"):
            exponential = np.exp(value)
        for ops, expected in _iter_forms(exponential):
            for target in _find_equal_vectors(view, targets[view.x.size(source)], expected):
                yield Proposal((source,), (target,), ops, "snake-parametrisation", computed=True)


def _iter_forms(exponential: Array) -> Iterator[tuple[tuple[Op, ...], Array]]:
    yield (Exp(),), exponential
    for offset in DIVISOR_OFFSETS:
        yield (Exp(), Reciprocal(offset)), 1 / (exponential + offset)


def _group_by_size(view: HypothesisView) -> Mapping[int, tuple[list[str], Array]]:
    """The other side's short vectors of numbers, by length, each with their values one below the other."""
    names: dict[int, list[str]] = {}
    for name in view.y.list_remaining():
        if len(view.y.sides(name)) == 1 and view.y.kinds[name].startswith(("float", "bfloat")):
            names.setdefault(view.y.size(name), []).append(name)
    return {
        size: (
            size_names,
            np.stack([view.y.array(name).reshape(-1).astype(np.float64) for name in size_names]),
        )
        for size, size_names in names.items()
    }


def _find_equal_vectors(
    view: HypothesisView, targets: tuple[list[str], Array], expected: Array
) -> list[str]:
    names, values = targets
    is_near = np.abs(values - expected).max(axis=1) <= MAX_RELATIVE_ERROR * max(
        float(np.abs(expected).max()), 1e-30
    )
    return [
        name for name, is_hit in zip(names, is_near, strict=True) if is_hit and name in view.y.left
    ]
