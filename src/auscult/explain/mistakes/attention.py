"""Attention with another scale, mask, number of heads, or position rotation."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

from auscult.explain.algebra import layers as ops
from auscult.explain.algebra.attention import HEADS, Reading, fitting, projected, readings
from auscult.explain.algebra.nearness import error, real
from auscult.explain.case import Explanation, LayerCase
from auscult.explain.wiring import candidate_limit, reference_limit
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
FIELDS = ("heads", "scale", "mask", "rope", "offset", "base", "relative", "biases")

SAYS = {
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
    yield from _results(case, floor)
    yield from _rotations(case, floor)


def _results(case: LayerCase, floor: float) -> Iterator[Explanation]:
    """The place is behind the attention: q, k and v are known, and agree."""
    parts = projected(case)
    if parts is None or case.reference.dtype.kind != "f":
        return
    options = list(readings(case, parts))
    rights = fitting(case.reference, options, parts, reference_limit(case))[:4]
    if not rights:
        return
    for got, residual in fitting(case.candidate, options, parts, candidate_limit(case, floor)):
        for right, _ in rights:
            unequal = [name for name in FIELDS if getattr(right, name) != getattr(got, name)]
            if unequal:
                yield _told(right, got, unequal, residual)


def _told(right: Reading, got: Reading, unequal: list[str], residual: float) -> Explanation:
    cause, says = _cause(right, got, unequal[0])
    return Explanation(
        cause,
        {
            "reference": {n: getattr(right, n) for n in unequal},
            "candidate": {n: getattr(got, n) for n in unequal},
        },
        residual,
        says,
        fix=f"attend with {right.says}",
        complexity=len(unequal),
    )


def _cause(right: Reading, got: Reading, field: str) -> tuple[str, str]:
    if field in SAYS:
        cause, says = SAYS[field]
        return cause, says.format(got=getattr(got, field), right=getattr(right, field))
    if field == "mask":
        return (
            "attention-mask",
            f"its mask is {_mask(got.mask)}, the reference's {_mask(right.mask)}",
        )
    if field == "offset":
        return (
            "position-offset",
            f"its queries stand {got.offset - right.offset} position beside the reference's",
        )
    return (
        "rope-convention",
        f"it rotates q and k as {got.rope} (base {got.base:g}), the reference as {right.rope} ({right.base:g})",
    )


def _mask(name: str) -> str:
    how, _, source = name.partition(":")
    words = {
        "keep": "attended where true",
        "drop": "attended where false",
        "add": "added as numbers",
    }
    return f"{source} {words[how]}" if how in words else how


def _rotations(case: LayerCase, floor: float) -> Iterator[Explanation]:
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
        rights = _rotated(case, real(value), case.reference, reference_limit(case))
        gots = (
            _rotated(case, real(value), case.candidate, candidate_limit(case, floor))
            if rights
            else []
        )
        for (right, shift, _), (got, other, missed) in product(rights[:2], gots):
            if right != got:
                where = "before the norm" if "none" in (right, got) else "here"
                says = f"it rotates {name} as {got} {where}, the reference as {right}"
                sides = {"reference": {"rope": right}, "candidate": {"rope": got}}
                yield Explanation(
                    "rope-convention",
                    sides,
                    missed,
                    says,
                    fix=f"rotate as {right} here",
                    complexity=1,
                )
            elif shift != other:
                sides_at = {"reference": {"offset": shift}, "candidate": {"offset": other}}
                yield Explanation(
                    "position-offset",
                    sides_at,
                    missed,
                    f"its positions start at {other}, the reference's at {shift}",
                )


def _rotated(
    case: LayerCase, x: Array, target: Array, limit: float
) -> list[tuple[str, int, float]]:
    wanted, found = real(target), []
    module = case.attributes.get(case.parent)
    told = [
        int(module.attributes[name])
        for name in HEADS
        if module is not None and isinstance(module.attributes.get(name), int)
    ]
    for heads in told[:1] or (1, 2, 4, 8):
        if x.shape[-1] % (2 * heads):
            continue
        split = x.reshape(*x.shape[:2], heads, -1).transpose(0, 2, 1, 3)
        for rope, offset in (
            ("none", 0),
            ("half", 0),
            ("interleaved", 0),
            ("half", 1),
            ("interleaved", 1),
        ):
            turned = (
                split
                if rope == "none"
                else ops.rotary(split, interleaved=rope == "interleaved", offset=offset)
            )
            for layout in (
                turned,
                turned.transpose(0, 2, 1, 3),
                turned.transpose(0, 2, 1, 3).reshape(x.shape),
            ):
                missed = error(layout, wanted)
                if missed <= limit:
                    found += [(rope, offset, missed)]
    return sorted(found, key=lambda one: (one[0] != "none", one[2]))
