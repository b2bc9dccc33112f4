"""Unequal pairs of one shape, measured once: which of the two sides is damaged or was never trained, and how."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

from auscult.align.records import Match
from auscult.rules.difference import Difference, Freshness, freshness, measure
from auscult.rules.subject import DiffSubject
from auscult.verdict import Equality
from auscult.weights import Array

Side = Literal["a", "b"]


@dataclass(frozen=True)
class Pair:
    """An unequal pair of one shape, with its values and how they differ."""

    match: Match
    a: Array
    b: Array
    difference: Difference


def same_shape(subject: DiffSubject, matches: list[Match]) -> Iterator[Pair]:
    """The one-to-one pairs among these whose shapes agree, read one after another."""
    for match in matches:
        if len(match.a) == len(match.b) == 1 and not subject.b_is_template:
            one, two = subject.a[match.a[0]], subject.b[match.b[0]]
            if one.shape == two.shape and one.size:
                a, b = one.values(), two.values()
                yield Pair(match, a, b, measure(a, b))


def untrained_side(pair: Pair) -> tuple[Side, Freshness] | None:
    """The side that looks as if a constructor had just made it while the other does not."""
    a, b = freshness(pair.a), freshness(pair.b)
    if a and not b:
        return "a", a
    return ("b", b) if b and not a else None


def could_be_fresh(array: Array) -> bool:
    """Whether no value lies outside the range from which PyTorch's Linear and Conv start."""
    return array.ndim > 1 and bool(np.abs(array).max() <= (1 + 1e-6) / np.sqrt(np.prod(array.shape[1:])))


def mostly_equal(subject: DiffSubject, share: float) -> bool:
    """Whether at least that share of the tensors (scalars aside) is equal after its operations."""
    found = [match.equality is not Equality.DIFFERENT for match in subject.alignment.matches if subject.b[match.b[0]].shape]
    return bool(found) and sum(found) >= share * len(found)


def side_name(side: Side, subject: DiffSubject) -> str:
    """`checkpoint` for a; `model` or `reference` for b."""
    return "checkpoint" if side == "a" else ("model" if subject.b_is_template else "reference")
