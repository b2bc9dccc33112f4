"""Helpers of the alignment tests: align two dictionaries of arrays, and check what an alignment promises."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from auscult.align import align
from auscult.align.records import Match, WeightAlignment
from auscult.recipe.op import Op
from auscult.verdict import Equality
from auscult.weights import Checkpoint

Arrays = dict[str, NDArray[Any]]


def aligned(a: Mapping[str, NDArray[Any]], b: Mapping[str, NDArray[Any]]) -> WeightAlignment:
    """Align two sets of arrays; every name must be in one place, and every exact match must hold when its ops are applied."""
    result = align(Checkpoint.of(a), Checkpoint.of(b))
    check_places(result, list(a), list(b))
    for match in result.matches:
        if match.equality is Equality.EXACT and match.cause != "weight-norm-unfused":
            check_exact(match, a, b)
    return result


def check_places(result: WeightAlignment, a: list[str], b: list[str]) -> None:
    """Each tensor of both sides is exactly once in a match, left over, or unread; and the coverage adds up."""
    places_a = [name for match in result.matches for name in match.a] + [
        *result.only_in_a,
        *result.unread_a,
    ]
    places_b = [name for match in result.matches for name in match.b] + [
        *result.only_in_b,
        *result.unread_b,
    ]
    assert sorted(places_a) == sorted(a)
    assert sorted(places_b) == sorted(b)
    counted = sum(max(len(match.a), len(match.b)) for match in result.matches)
    left = len(result.only_in_a) + len(result.only_in_b) + len(result.skips)
    assert result.coverage().total == counted + left


def check_exact(match: Match, a: Mapping[str, NDArray[Any]], b: Mapping[str, NDArray[Any]]) -> None:
    """The ops give the other side bit for bit (computed ones within a unit in the last place)."""
    sources, targets = [a[name] for name in match.a], [b[name] for name in match.b]
    if match.backward:
        sources, targets = targets, sources
    results = run(match.ops, sources)
    if match.after:
        results = [run(ops, [array])[0] for ops, array in zip(match.after, results, strict=True)]
    for result, target in zip(results, targets, strict=True):
        assert result.shape == target.shape
        assert result.dtype == target.dtype
        if all(op.lossless for op in match.ops):
            assert result.tobytes() == target.tobytes()
        else:
            assert np.allclose(
                result.astype(np.float64),
                target.astype(np.float64),
                rtol=1e-6,
                atol=1e-7,
                equal_nan=True,
            )


def run(ops: tuple[Op, ...], arrays: list[NDArray[Any]]) -> list[NDArray[Any]]:
    for op in ops:
        arrays = op.apply(arrays)
    return arrays


def names(match: Match) -> tuple[tuple[str, ...], tuple[str, ...]]:
    return match.a, match.b


def ops_of(match: Match) -> list[str]:
    return [op.op for op in match.ops]


def only(result: WeightAlignment, cause: str) -> list[Match]:
    return [match for match in result.matches if match.cause == cause]


def plain(result: WeightAlignment) -> bool:
    """Whether all is paired, nothing differs and nothing is called a fault."""
    odd = [match for match in result.matches if match.equality is Equality.DIFFERENT or match.fault]
    return not (odd or result.only_in_a or result.only_in_b or result.skips)
