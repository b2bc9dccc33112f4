"""Attention with another scale, mask, number of heads, or position rotation."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

from auscult.explain.algebra import layers as ops
from auscult.explain.algebra.attention import (
    HEAD_COUNT_ATTRIBUTES,
    AttentionVariant,
    find_attention_inputs,
    find_fitting_variants,
    iter_attention_variants,
)
from auscult.explain.algebra.nearness import relative_error, to_float64
from auscult.explain.case import Explanation, LayerCase
from auscult.explain.wiring import get_candidate_limit, get_reference_limit
from auscult.weights import Array

NAMES = (
    "attention-scale",
    "attention-mask",
    "attention-heads",
    "rope-convention",
    "position-offset",
    "relative-shift",
    "relative-bias",
)
VARIANT_FIELDS = ("heads", "scale", "mask", "rope", "offset", "base", "relative", "biases")

MESSAGES = {
    "scale": ("attention-scale", "it scales the scores by {got}, the reference by {right}"),
    "heads": ("attention-heads", "it splits into {got} heads, the reference into {right}"),
    "relative": (
        "relative-shift",
        "its scores of relative positions are {got}, the reference's {right}",
    ),
    "biases": (
        "relative-bias",
        "its biases of content and position are {got}, the reference's {right}",
    ),
}


def explain(case: LayerCase, floor: float) -> Iterator[Explanation]:
    yield from _explain_outputs(case, floor)
    yield from _explain_rotations(case, floor)


def _explain_outputs(case: LayerCase, floor: float) -> Iterator[Explanation]:
    """The place is behind the attention: q, k and v are known, and agree."""
    parts = find_attention_inputs(case)
    if parts is None or case.reference.dtype.kind != "f":
        return
    variants = list(iter_attention_variants(case, parts))
    reference_fits = find_fitting_variants(
        case.reference, variants, parts, get_reference_limit(case)
    )[:4]
    if not reference_fits:
        return
    for candidate, residual in find_fitting_variants(
        case.candidate, variants, parts, get_candidate_limit(case, floor)
    ):
        for reference, _ in reference_fits:
            unequal = [
                name
                for name in VARIANT_FIELDS
                if getattr(reference, name) != getattr(candidate, name)
            ]
            if unequal:
                yield _build_explanation(reference, candidate, unequal, residual)


def _build_explanation(
    reference: AttentionVariant, candidate: AttentionVariant, unequal: list[str], residual: float
) -> Explanation:
    cause, message = _choose_cause(reference, candidate, unequal[0])
    return Explanation(
        cause,
        {
            "reference": {n: getattr(reference, n) for n in unequal},
            "candidate": {n: getattr(candidate, n) for n in unequal},
        },
        residual,
        message,
        fix=f"attend with {reference.says}",
        complexity=len(unequal),
    )


def _choose_cause(
    reference: AttentionVariant, candidate: AttentionVariant, field: str
) -> tuple[str, str]:
    if field in MESSAGES:
        cause, message = MESSAGES[field]
        return cause, message.format(got=getattr(candidate, field), right=getattr(reference, field))
    if field == "mask":
        return (
            "attention-mask",
            f"its mask is {_describe_mask(candidate.mask)}, the reference's {_describe_mask(reference.mask)}",
        )
    if field == "offset":
        return (
            "position-offset",
            f"its queries stand {candidate.offset - reference.offset} position beside the reference's",
        )
    return (
        "rope-convention",
        f"it rotates q and k as {candidate.rope} (base {candidate.base:g}), the reference as {reference.rope} ({reference.base:g})",
    )


def _describe_mask(name: str) -> str:
    kind, _, source = name.partition(":")
    words = {
        "keep": "attended where true",
        "drop": "attended where false",
        "add": "added as numbers",
    }
    if kind in words:
        return f"{source} {words[kind]}"
    return kind


def _explain_rotations(case: LayerCase, floor: float) -> Iterator[Explanation]:
    """The place is before the attention, such as a norm of q: the heads are rotated there, or not yet."""
    if (
        case.reference.ndim not in (3, 4)
        or case.reference.dtype.kind != "f"
        or not case.role.startswith("input")
    ):
        return
    for name, value in list(case.context.items())[-4:]:
        if value.dtype.kind != "f" or value.size != case.reference.size or value.ndim != 3:
            continue
        reference_rotations = _find_rotations(
            case, to_float64(value), case.reference, get_reference_limit(case)
        )
        if reference_rotations:
            candidate_rotations = _find_rotations(
                case, to_float64(value), case.candidate, get_candidate_limit(case, floor)
            )
        else:
            candidate_rotations = []
        for (reference_rope, reference_offset, _), (
            candidate_rope,
            candidate_offset,
            residual,
        ) in product(reference_rotations[:2], candidate_rotations):
            if reference_rope != candidate_rope:
                if "none" in (reference_rope, candidate_rope):
                    position = "before the norm"
                else:
                    position = "here"
                message = f"it rotates {name} as {candidate_rope} {position}, the reference as {reference_rope}"
                sides = {
                    "reference": {"rope": reference_rope},
                    "candidate": {"rope": candidate_rope},
                }
                yield Explanation(
                    "rope-convention",
                    sides,
                    residual,
                    message,
                    fix=f"rotate as {reference_rope} here",
                    complexity=1,
                )
            elif reference_offset != candidate_offset:
                offsets = {
                    "reference": {"offset": reference_offset},
                    "candidate": {"offset": candidate_offset},
                }
                yield Explanation(
                    "position-offset",
                    offsets,
                    residual,
                    f"its positions start at {candidate_offset}, the reference's at {reference_offset}",
                )


def _find_rotations(
    case: LayerCase, x: Array, target: Array, limit: float
) -> list[tuple[str, int, float]]:
    expected, rotations = to_float64(target), []
    module = case.attributes.get(case.parent)
    declared_heads = [
        int(module.attributes[name])
        for name in HEAD_COUNT_ATTRIBUTES
        if module is not None and isinstance(module.attributes.get(name), int)
    ]
    for heads in declared_heads[:1] or (1, 2, 4, 8):
        if x.shape[-1] % (2 * heads):
            continue
        split_heads = x.reshape(*x.shape[:2], heads, -1).transpose(0, 2, 1, 3)
        for rope, offset in (
            ("none", 0),
            ("half", 0),
            ("interleaved", 0),
            ("half", 1),
            ("interleaved", 1),
        ):
            if rope == "none":
                rotated_heads = split_heads
            else:
                rotated_heads = ops.apply_rotary(
                    split_heads, interleaved=rope == "interleaved", offset=offset
                )
            for layout in (
                rotated_heads,
                rotated_heads.transpose(0, 2, 1, 3),
                rotated_heads.transpose(0, 2, 1, 3).reshape(x.shape),
            ):
                residual = relative_error(layout, expected)
                if residual <= limit:
                    rotations += [(rope, offset, residual)]
    return sorted(rotations, key=lambda rotation: (rotation[0] != "none", rotation[2]))
