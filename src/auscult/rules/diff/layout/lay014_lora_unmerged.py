"""LoRA factors lie beside the base weight on one side; the other has merged them, or has no place for
them.

**What it finds.** w + scale·B·A equal to the other side's weight; factors for which the other side
has no place; a file that is an adapter alone, without the model that it changes.

**What you hear.** Without the merge the model speaks as before its fine-tuning: another voice or
style.

**Why it happens.** An adapter was saved beside the base model and the loader ignores unknown names.

**Blind spots.** The scale (alpha / rank) is not in the tensors; it is estimated from the values.

**How it is measured.** The merged weight, in float64, equals the other side's within the rounding
of the number format.

**Example.** The loader knows the base weight only, and ignores the factors beside it:

    w = state["q.weight"]  # wrong: the model before its fine-tuning
    w = state["q.weight"] + alpha / rank * state["q.lora_B.weight"] @ state["q.lora_A.weight"]  # right

**Fix.** Merge, as a recipe; the factors cannot be had back. Safety: lossy.

**References.** Hu et al. 2021, LoRA.
"""

from __future__ import annotations

from collections.abc import Iterable

from auscult.align.hypotheses.lora import iter_factor_pairs
from auscult.facts.words import format_count
from auscult.finding import Finding, Fix, Severity
from auscult.rules.diff.claims import OpenItems
from auscult.rules.diff.evidence.operations import build_operation_finding, find_caused_places
from auscult.rules.diff.subject import ClaimedPlace, DiffSubject

CODE = "LAY014"
NAME = "lora-unmerged"
REQUIRES = DiffSubject
PRECEDENCE = 30


def claim(subject: DiffSubject, items: OpenItems) -> Iterable[ClaimedPlace]:
    yield from find_caused_places(subject, NAME)
    factor_names = [
        name for _, down, up in iter_factor_pairs(items.unplaced) for name in (down, up)
    ]
    yield from (ClaimedPlace((name,), None, {"factor": True}) for name in factor_names)
    # an adapter by itself: that the base is not in it is no second fault
    if factor_names and len(factor_names) * 2 > len(subject.source):
        yield from (ClaimedPlace((name,), None, {"base": True}) for name in items.unfilled)


def check(subject: DiffSubject) -> Iterable[Finding]:
    places = subject.places.get(NAME, ())
    merged_places = tuple(place for place in places if place.match is not None)
    if merged_places:
        message = "LoRA factors are merged into the weight on one side only"
        yield build_operation_finding(
            Finding(CODE, NAME, Severity.WARNING, (), message, rank=32),
            subject,
            merged_places,
            "merge the LoRA factors",
        )
    factor_names = tuple(
        name for place in places if place.evidence.get("factor") for name in place.where
    )
    if factor_names:
        yield _build_unused_finding(
            subject, factor_names, sum(bool(place.evidence.get("base")) for place in places)
        )


def _build_unused_finding(
    subject: DiffSubject, factor_names: tuple[str, ...], unfilled_count: int
) -> Finding:
    """Factors that the other side neither has nor has merged."""
    ranks = sorted({min(subject.source[name].shape) for name in factor_names})
    pairs_text = f"{format_count(len(factor_names) // 2, 'pair')} of LoRA factors (rank {', '.join(map(str, ranks))})"
    source_noun, target_noun = subject.noun(subject.source_role), subject.noun(subject.target_role)
    if unfilled_count:
        text = (
            f"the {source_noun} is an adapter: {pairs_text} and none of the {unfilled_count} tensors"
            f" of the {target_noun}, which it changes"
        )
        advice = "load the base model first, then merge W + alpha / rank * B A into it"
    else:
        text = (
            f"{pairs_text} of the {source_noun} beside the weights that they change; the {target_noun} has no place for them,"
            " so it computes without the adapter"
        )
        advice = (
            "merge W + alpha / rank * B A into the weights, or build the model with its adapter"
        )
    return Finding(
        CODE,
        NAME,
        Severity.ERROR if unfilled_count or subject.compares_shapes else Severity.WARNING,
        factor_names,
        text,
        evidence={"pairs": len(factor_names) // 2, "ranks": ranks, "absent": unfilled_count},
        fix=Fix("guess", f"{advice}; alpha is in the adapter's configuration, not in its tensors"),
        rank=12 if unfilled_count else 24,
    )
