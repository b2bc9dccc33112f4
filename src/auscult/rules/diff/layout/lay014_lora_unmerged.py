"""LoRA factors lie beside the base weight on one side; the other has merged them, or has no place for them.

**What it finds.** w + scale·B·A equal to the other side's weight; factors for which the other side has no place; a file that
is an adapter alone, without the model that it changes.

**What you hear.** Without the merge the model speaks as before its fine-tuning: another voice or style.

**Why it happens.** An adapter was saved beside the base model and the loader ignores unknown names.

**Blind spots.** The scale (alpha / rank) is not in the tensors; it is estimated from the values.

**How it is measured.** The merged weight, in float64, equals the other side's within the rounding of the number format.

**Fix.** Merge, as a recipe; the factors cannot be had back. Safety: lossy.

**References.** Hu et al. 2021, LoRA.
"""

from __future__ import annotations

from collections.abc import Iterable

from auscult.align.hypotheses.lora import factor_pairs
from auscult.finding import Finding, Fix, Severity
from auscult.rules.diff.claims import OpenItems
from auscult.rules.diff.evidence.operations import operation_finding, places_of
from auscult.rules.diff.subject import DiffSubject, Place
from auscult.rules.wording import counted

CODE = "LAY014"
NAME = "lora-unmerged"
REQUIRES = DiffSubject
PRECEDENCE = 30


def claim(subject: DiffSubject, items: OpenItems) -> Iterable[Place]:
    yield from places_of(subject, NAME)
    factors = [name for _, down, up in factor_pairs(items.surplus) for name in (down, up)]
    yield from (Place((name,), None, {"factor": True}) for name in factors)
    if factors and len(factors) * 2 > len(
        subject.a
    ):  # an adapter by itself: that the base is not in it is no second fault
        yield from (Place((name,), None, {"base": True}) for name in items.absent)


def check(subject: DiffSubject) -> Iterable[Finding]:
    places = subject.places.get(NAME, ())
    merged = tuple(place for place in places if place.match is not None)
    if merged:
        yield operation_finding(
            CODE,
            NAME,
            "LoRA factors are merged into the weight on one side only",
            merged,
            severity=Severity.WARNING,
            rank=32,
            summary="merge the LoRA factors",
        )
    factors = tuple(
        name for place in places if place.evidence.get("factor") for name in place.where
    )
    if factors:
        yield _unused(subject, factors, sum(bool(place.evidence.get("base")) for place in places))


def _unused(subject: DiffSubject, factors: tuple[str, ...], absent: int) -> Finding:
    """Factors that the other side neither has nor has merged."""
    ranks = sorted({min(subject.a[name].shape) for name in factors})
    pairs = (
        f"{counted(len(factors) // 2, 'pair')} of LoRA factors (rank {', '.join(map(str, ranks))})"
    )
    side = "model" if subject.b_is_template else "reference"
    if absent:
        text = f"the checkpoint is an adapter: {pairs} and none of the {absent} tensors of the {side}, which it changes"
        advice = "load the base model first, then merge W + alpha / rank * B A into it"
    else:
        text = f"{pairs} beside the weights that they change; the {side} has no place for them, so it computes without the adapter"
        advice = (
            "merge W + alpha / rank * B A into the weights, or build the model with its adapter"
        )
    return Finding(
        CODE,
        NAME,
        Severity.ERROR if absent or subject.b_is_template else Severity.WARNING,
        factors,
        text,
        evidence={"pairs": len(factors) // 2, "ranks": ranks, "absent": absent},
        fix=Fix("guess", f"{advice}; alpha is in the adapter's configuration, not in its tensors"),
        rank=12 if absent else 24,
    )
