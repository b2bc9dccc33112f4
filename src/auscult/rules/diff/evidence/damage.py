"""Unequal pairs of one shape, measured once: which of the two sides is damaged or was never trained, and how."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from math import prod, sqrt

from auscult.align.records import Match
from auscult.recipe.ops.permute import Permute
from auscult.rules.diff.evidence.blank_slices import BlankSlices, find_blank_slices
from auscult.rules.diff.evidence.difference import (
    BOUND_SLACK,
    ArrayDifference,
    Freshness,
    find_range,
    judge_freshness,
    measure_difference,
    split_complex,
)
from auscult.rules.diff.subject import DiffSubject, Role
from auscult.weights import Array

CERTAIN_FRESHNESS: frozenset[Freshness] = frozenset(("zero", "constant"))


@dataclass(frozen=True)
class MeasuredPair:
    """An unequal pair of one shape, measured.

    Attributes:
        freshness: How each side looks as if a constructor had just made it, or None.
        in_range: Whether no value of the candidate lies outside the range from which PyTorch's Linear and Conv start.
        blank: Rows (or slices along another axis) that hold one value each on one side only, where the rest agrees.
    """

    match: Match
    difference: ArrayDifference
    freshness: Mapping[Role, Freshness | None]
    in_range: bool
    blank: BlankSlices | None = None

    @property
    def untrained_side(self) -> tuple[Role, Freshness] | None:
        """The side that looks untrained while the other does not, and like what.

        Zeros and constants are certain; a distribution that looks like an initialiser's is weaker evidence.
        """
        certain = {role: look for role, look in self.freshness.items() if look in CERTAIN_FRESHNESS}
        likely = {role: look for role, look in self.freshness.items() if look is not None}
        for looks in (certain, likely):
            if len(looks) == 1:
                return next((role, look) for role, look in looks.items() if look is not None)
        return None


def measure_pairs(subject: DiffSubject) -> Mapping[int, MeasuredPair]:
    """Every unequal one-to-one pair whose shapes agree, after its permutation if it has one, by `id` of its match.

    Empty where one side has no content.
    """
    if subject.compares_shapes:
        return {}
    pairs: dict[int, MeasuredPair] = {}
    for match in subject.unequal_matches:
        if len(match.a) == len(match.b) == 1:
            pair = _measure_pair(subject, match)
            if pair is not None:
                pairs[id(match)] = pair
    return pairs


def read_aligned_arrays(subject: DiffSubject, match: Match) -> tuple[Array, Array] | None:
    """Reference and candidate of a one-to-one match in the candidate's order of axes; None where their shapes do not agree."""
    reference_tensor = subject.reference[match.a[0]]
    candidate_tensor = subject.candidate[match.b[0]]
    axes = tuple(range(len(reference_tensor.shape)))
    if len(match.ops) == 1 and isinstance(match.ops[0], Permute):
        axes = match.ops[0].axes
    shape = tuple(reference_tensor.shape[axis] for axis in axes)
    if shape != candidate_tensor.shape or not candidate_tensor.size:
        return None
    return reference_tensor.values().transpose(axes), candidate_tensor.values()


def _measure_pair(subject: DiffSubject, match: Match) -> MeasuredPair | None:
    """Both tensors, read once; None where their shapes do not agree."""
    arrays = read_aligned_arrays(subject, match)
    if arrays is None:
        return None
    reference, candidate = arrays
    blank = find_blank_slices(candidate, reference)
    return MeasuredPair(
        match,
        measure_difference(candidate, reference),
        {"reference": judge_freshness(reference), "candidate": judge_freshness(candidate)},
        can_be_fresh(candidate),
        blank,
    )


def select_measured_pairs(subject: DiffSubject, matches: Iterable[Match]) -> Iterator[MeasuredPair]:
    """The measured pairs among these."""
    return (subject.pairs[id(match)] for match in matches if id(match) in subject.pairs)


def can_be_fresh(array: Array) -> bool:
    """Whether no value lies outside the range from which PyTorch's Linear and Conv start."""
    values = split_complex(array)
    if values.ndim < 2:
        return False
    low, high = find_range(values)
    return max(-low, high) <= (1 + BOUND_SLACK) / sqrt(prod(values.shape[1:]))


def is_mostly_equal(subject: DiffSubject, min_share: float) -> bool:
    """Whether at least that share of the tensors (scalars aside) is equal after its operations."""
    count = subject.wide_match_count
    unequal_count = sum(
        bool(subject.reference[match.a[0]].shape) for match in subject.unequal_matches
    )
    return count > 0 and count - unequal_count >= min_share * count
