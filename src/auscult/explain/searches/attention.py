"""In how many ways the two sides' attention, or their rotation of heads before it, can differ, and which of them fit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any

from auscult.explain.algebra import layers as ops
from auscult.explain.algebra.attention import (
    AttentionVariant,
    find_fitting_variants,
    iter_attention_variants,
)
from auscult.explain.algebra.attention_inputs import find_attention_inputs, list_declared_heads
from auscult.explain.algebra.nearness import relative_error, to_float64
from auscult.explain.case import Explanation, LayerCase
from auscult.explain.limits import get_candidate_limit, get_reference_limit
from auscult.explain.searches import run_once_per_case
from auscult.weights import Array

SEARCH = "attention"
VARIANT_FIELDS = (
    "heads",
    "grouping",
    "scale",
    "mask",
    "rope",
    "offset",
    "base",
    "relative",
    "biases",
)
"""In this order a difference is named: the first field that differs is the mistake."""
MAX_REFERENCE_VARIANTS = 4
"""Readings of the reference that the candidate's are held against: several may be the same computation.

Chosen, not measured."""
MAX_ROTATED_TENSORS = 4
"""The latest tensors of the context that may have been rotated.

Chosen, not measured."""
USUAL_HEAD_COUNTS = (1, 2, 4, 8)
ROTATIONS = (("none", 0), ("half", 0), ("interleaved", 0), ("half", 1), ("interleaved", 1))
"""Kind and first position of each rotation that is tried."""


@dataclass(frozen=True)
class AttentionDifference:
    """Two readings of attention from the same q, k and v.

    Attributes:
        unequal: Names of the fields that differ, in the order of `VARIANT_FIELDS`.
    """

    reference: AttentionVariant
    candidate: AttentionVariant
    unequal: tuple[str, ...]
    residual: float

    @property
    def first_field(self) -> str:
        """The field by which the mistake is named."""
        return self.unequal[0]

    @property
    def values(self) -> tuple[Any, Any]:
        """What the candidate and the reference have in that field."""
        return getattr(self.candidate, self.first_field), getattr(self.reference, self.first_field)

    def to_explanation(self, cause: str, message: str) -> Explanation:
        """The explanation of a place by another attention."""
        return Explanation(
            cause,
            {"reference": self._select(self.reference), "candidate": self._select(self.candidate)},
            self.residual,
            message,
            fix=f"attend with {self.reference.says}",
            complexity=len(self.unequal),
        )

    def _select(self, variant: AttentionVariant) -> Mapping[str, Any]:
        return {name: getattr(variant, name) for name in self.unequal}


@dataclass(frozen=True)
class RotationDifference:
    """Two rotations of one tensor before the attention, such as behind a norm of q.

    Attributes:
        tensor: The tensor of the context that is rotated.
        reference, candidate: Kind and first position of each side's rotation.
    """

    tensor: str
    reference: tuple[str, int]
    candidate: tuple[str, int]
    residual: float


@run_once_per_case
def find_attention_differences(case: LayerCase, floor: float) -> tuple[AttentionDifference, ...]:
    """Readings behind the attention, where q, k and v are known and agree."""
    parts = find_attention_inputs(case)
    if parts is None or case.reference.dtype.kind != "f":
        return ()
    variants = list(iter_attention_variants(case, parts))
    reference_fits = find_fitting_variants(
        case.reference, variants, parts, get_reference_limit(case)
    )[:MAX_REFERENCE_VARIANTS]
    if not reference_fits:
        return ()
    limit = get_candidate_limit(case, floor)
    candidate_fits = find_fitting_variants(case.candidate, variants, parts, limit)
    if not candidate_fits:
        variants = list(iter_attention_variants(case, parts, undeclared=True))
        candidate_fits = find_fitting_variants(case.candidate, variants, parts, limit)
    differences = []
    for (candidate, residual), (reference, _) in product(candidate_fits, reference_fits):
        unequal = tuple(
            name for name in VARIANT_FIELDS if getattr(reference, name) != getattr(candidate, name)
        )
        if unequal:
            differences.append(AttentionDifference(reference, candidate, unequal, residual))
    return tuple(differences)


@run_once_per_case
def find_rotation_differences(case: LayerCase, floor: float) -> tuple[RotationDifference, ...]:
    """Readings before the attention: the heads are rotated there, or not yet."""
    if (
        case.reference.ndim not in (3, 4)
        or case.reference.dtype.kind != "f"
        or not case.role.startswith("input")
    ):
        return ()
    differences: list[RotationDifference] = []
    for name, value in list(case.context.items())[-MAX_ROTATED_TENSORS:]:
        if value.dtype.kind == "f" and value.size == case.reference.size and value.ndim == 3:
            differences += _compare_rotations(case, name, floor)
    return tuple(differences)


def _compare_rotations(case: LayerCase, name: str, floor: float) -> Iterator[RotationDifference]:
    x = to_float64(case.context[name])
    references = _find_rotations(case, x, case.reference, get_reference_limit(case))
    if not references:
        return
    candidates = _find_rotations(case, x, case.candidate, get_candidate_limit(case, floor))
    for (reference_rope, reference_offset, _), (rope, offset, residual) in product(
        references[:2], candidates
    ):
        reference, candidate = (reference_rope, reference_offset), (rope, offset)
        if reference != candidate:
            yield RotationDifference(name, reference, candidate, residual)


def _find_rotations(
    case: LayerCase, x: Array, target: Array, limit: float
) -> list[tuple[str, int, float]]:
    """Kind, first position and residual of each rotation of x that gives the target; none at all comes first."""
    expected, rotations = to_float64(target), []
    for heads in list_declared_heads(case)[:1] or USUAL_HEAD_COUNTS:
        if x.shape[-1] % (2 * heads):
            continue
        split_heads = x.reshape(*x.shape[:2], heads, -1).transpose(0, 2, 1, 3)
        for rope, offset in ROTATIONS:
            rotated_heads = _rotate_heads(split_heads, rope, offset)
            by_time = rotated_heads.transpose(0, 2, 1, 3)
            for layout in (rotated_heads, by_time, by_time.reshape(x.shape)):
                residual = relative_error(layout, expected)
                if residual <= limit:
                    rotations.append((rope, offset, residual))
    return sorted(rotations, key=lambda rotation: (rotation[0] != "none", rotation[2]))


def _rotate_heads(heads: Array, rope: str, offset: int) -> Array:
    if rope == "none":
        return heads
    return ops.apply_rotary(heads, interleaved=rope == "interleaved", offset=offset)
