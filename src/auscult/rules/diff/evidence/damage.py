"""Unequal pairs of one shape, measured once: which of the two sides is damaged or was never trained, and how."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from auscult.align.records import Match
from auscult.recipe.ops.permute import Permute
from auscult.rules.diff.evidence.difference import (
    ArrayDifference,
    Freshness,
    judge_freshness,
    measure_difference,
    to_real_array,
)
from auscult.rules.diff.subject import DiffSubject
from auscult.verdict import Equality
from auscult.weights import Array

SideLabel = Literal["a", "b"]
CERTAIN_FRESHNESS: frozenset[Freshness] = frozenset(("zero", "constant"))


@dataclass(frozen=True)
class MeasuredPair:
    """An unequal pair of one shape, measured.

    Attributes:
        fresh_a, fresh_b: How that side looks as if a constructor had just made it, or None.
        in_range: Whether no value of `a` lies outside the range from which PyTorch's Linear and Conv start.
    """

    match: Match
    difference: ArrayDifference
    fresh_a: Freshness | None
    fresh_b: Freshness | None
    in_range: bool

    @property
    def untrained_side(self) -> tuple[SideLabel, Freshness] | None:
        """The side that looks untrained while the other does not, and like what.

        Zeros and constants are certain; a distribution that looks like an initialiser's is weaker evidence.
        """
        for allowed in (CERTAIN_FRESHNESS, None):
            a, b = (
                side_freshness if allowed is None or side_freshness in allowed else None
                for side_freshness in (self.fresh_a, self.fresh_b)
            )
            if a and not b:
                return "a", a
            if b and not a:
                return "b", b
        return None


def measure_pairs(subject: DiffSubject) -> Mapping[int, MeasuredPair]:
    """Every unequal one-to-one pair whose shapes agree, after its permutation if it has one, read once, by `id` of its match.

    None where one side has no content.
    """
    pairs: dict[int, MeasuredPair] = {}
    for match in subject.unequal_matches:
        if len(match.a) == len(match.b) == 1 and not subject.b_is_template:
            tensor_a, tensor_b = subject.a[match.a[0]], subject.b[match.b[0]]
            if len(match.ops) == 1:
                axes = next((op.axes for op in match.ops if isinstance(op, Permute)), None)
            else:
                axes = None
            if axes is None:
                shape = tensor_a.shape
            else:
                shape = tuple(tensor_a.shape[axis] for axis in axes)
            if shape == tensor_b.shape and tensor_a.size:
                a, b = tensor_a.values(), tensor_b.values()
                a = a if axes is None else a.transpose(axes)
                pairs[id(match)] = MeasuredPair(
                    match,
                    measure_difference(a, b),
                    judge_freshness(a),
                    judge_freshness(b),
                    can_be_fresh(a),
                )
    return pairs


def select_measured_pairs(subject: DiffSubject, matches: Iterable[Match]) -> Iterator[MeasuredPair]:
    """The measured pairs among these."""
    return (subject.pairs[id(match)] for match in matches if id(match) in subject.pairs)


def can_be_fresh(array: Array) -> bool:
    """Whether no value lies outside the range from which PyTorch's Linear and Conv start."""
    values = to_real_array(array)
    return values.ndim > 1 and bool(
        np.abs(values).max() <= (1 + 1e-6) / np.sqrt(np.prod(values.shape[1:]))
    )


def is_mostly_equal(subject: DiffSubject, min_share: float) -> bool:
    """Whether at least that share of the tensors (scalars aside) is equal after its operations."""
    equal_flags = [
        match.equality is not Equality.DIFFERENT
        for match in subject.alignment.matches
        if subject.b[match.b[0]].shape
    ]
    return bool(equal_flags) and sum(equal_flags) >= min_share * len(equal_flags)


def name_side(side: SideLabel, subject: DiffSubject) -> str:
    """`checkpoint` for a; `model` or `reference` for b."""
    if side == "a":
        return "checkpoint"
    return "model" if subject.b_is_template else "reference"
