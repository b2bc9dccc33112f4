"""Unequal pairs of one shape, measured once: which of the two sides is damaged or was never trained, and how."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from auscult.align.records import Match
from auscult.recipe.ops.permute import Permute
from auscult.rules.diff.evidence.difference import (
    Difference,
    Freshness,
    as_real,
    freshness,
    measure,
)
from auscult.rules.diff.subject import DiffSubject
from auscult.verdict import Equality
from auscult.weights import Array

Side = Literal["a", "b"]
DEFINITE: frozenset[Freshness] = frozenset(("zero", "constant"))


@dataclass(frozen=True)
class Pair:
    """An unequal pair of one shape, measured.

    Attributes:
        fresh_a, fresh_b: How that side looks as if a constructor had just made it, or None.
        in_range: Whether no value of `a` lies outside the range from which PyTorch's Linear and Conv start.
    """

    match: Match
    difference: Difference
    fresh_a: Freshness | None
    fresh_b: Freshness | None
    in_range: bool

    @property
    def untrained(self) -> tuple[Side, Freshness] | None:
        """The side that looks untrained while the other does not, and like what.

        Zeros and constants are certain; a distribution that looks like an initialiser's is weaker evidence.
        """
        for judged in (DEFINITE, None):
            a, b = (
                look if judged is None or look in judged else None
                for look in (self.fresh_a, self.fresh_b)
            )
            if a and not b:
                return "a", a
            if b and not a:
                return "b", b
        return None


def measure_pairs(subject: DiffSubject) -> Mapping[int, Pair]:
    """Every unequal one-to-one pair whose shapes agree, after its permutation if it has one, read once, by `id` of its match.

    None where one side has no content.
    """
    pairs: dict[int, Pair] = {}
    for match in subject.different:
        if len(match.a) == len(match.b) == 1 and not subject.b_is_template:
            one, two = subject.a[match.a[0]], subject.b[match.b[0]]
            axes = (
                next((op.axes for op in match.ops if isinstance(op, Permute)), None)
                if len(match.ops) == 1
                else None
            )
            shape = one.shape if axes is None else tuple(one.shape[axis] for axis in axes)
            if shape == two.shape and one.size:
                a, b = one.values(), two.values()
                a = a if axes is None else a.transpose(axes)
                pairs[id(match)] = Pair(
                    match, measure(a, b), freshness(a), freshness(b), could_be_fresh(a)
                )
    return pairs


def same_shape(subject: DiffSubject, matches: Iterable[Match]) -> Iterator[Pair]:
    """The measured pairs among these."""
    return (subject.pairs[id(match)] for match in matches if id(match) in subject.pairs)


def could_be_fresh(array: Array) -> bool:
    """Whether no value lies outside the range from which PyTorch's Linear and Conv start."""
    values = as_real(array)
    return values.ndim > 1 and bool(
        np.abs(values).max() <= (1 + 1e-6) / np.sqrt(np.prod(values.shape[1:]))
    )


def mostly_equal(subject: DiffSubject, share: float) -> bool:
    """Whether at least that share of the tensors (scalars aside) is equal after its operations."""
    found = [
        match.equality is not Equality.DIFFERENT
        for match in subject.alignment.matches
        if subject.b[match.b[0]].shape
    ]
    return bool(found) and sum(found) >= share * len(found)


def side_name(side: Side, subject: DiffSubject) -> str:
    """`checkpoint` for a; `model` or `reference` for b."""
    return "checkpoint" if side == "a" else ("model" if subject.b_is_template else "reference")
