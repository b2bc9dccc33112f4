"""LoRA factors lie beside the base weight on one side; the other has merged them, or has no place for
them.

**What it finds.** w + scale·B·A equal to the other side's weight; factors for which the other side
has no place; a file that is an adapter alone, without the model that it changes; an update that was
merged with another factor than alpha / rank, twice, or with the wrong sign (an error).

**What you hear.** Without the merge the model speaks as before its fine-tuning: another voice or
style.

**Why it happens.** An adapter was saved beside the base model and the loader ignores unknown names.

**Blind spots.** The scale (alpha / rank) is not in the tensors; it is read from the file's metadata or
from `adapter_config.json` beside it. Where neither has it, any positive factor is taken, and shown.

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
MAX_RATIO_ERROR = 1e-2
"""Difference of a ratio of factors from a whole number that rounding may leave. Chosen, not measured."""


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
    wrong_places = tuple(place for place in merged_places if place.match and place.match.fault)
    if wrong_places:
        yield _build_factor_finding(wrong_places)
    right_places = tuple(place for place in merged_places if place not in wrong_places)
    if right_places:
        message = (
            "LoRA factors are merged into the weight on one side only,"
            f" with the factor {_list_factors(right_places, 'scale')}"
        )
        yield build_operation_finding(
            Finding(CODE, NAME, Severity.WARNING, (), message, rank=32),
            subject,
            right_places,
            "merge the LoRA factors",
        )
    factor_names = tuple(
        name for place in places if place.evidence.get("factor") for name in place.where
    )
    if factor_names:
        yield _build_unused_finding(
            subject, factor_names, sum(bool(place.evidence.get("base")) for place in places)
        )


def _list_factors(places: Iterable[ClaimedPlace], key: str) -> str:
    """The factors of these places, each once."""
    factors = {round(float(place.evidence[key]), 4) for place in places if key in place.evidence}
    return ", ".join(f"{factor:g}" for factor in sorted(factors)) or "that fits"


def _build_factor_finding(places: tuple[ClaimedPlace, ...]) -> Finding:
    """Merged with another factor than alpha / rank, or subtracted."""
    names = tuple(dict.fromkeys(name for place in places for name in place.where))
    text = f"{format_count(len(names), 'weight')} merged with the LoRA factor {_list_factors(places, 'scale')}"
    stated = "stated" in places[0].evidence
    if stated:
        text += f", and alpha / rank is {_list_factors(places, 'stated')}"
        text += _explain_ratio(places[0].evidence["scale"], places[0].evidence["stated"])
    else:
        text += ": the update was taken off instead of added"
    return Finding(
        CODE,
        NAME,
        Severity.ERROR,
        names,
        text,
        evidence={
            "scale": places[0].evidence["scale"],
            "stated": places[0].evidence.get("stated"),
            "weights": len(names),
        },
        fix=Fix("guess", "merge W + alpha / rank * B A again, from the base weights"),
        rank=12,
    )


def _explain_ratio(scale: float, stated: float) -> str:
    """What gives a factor like that."""
    if abs(scale / stated + 1) < MAX_RATIO_ERROR:
        return ": the update was taken off instead of added"
    if abs(scale / stated - 2) < MAX_RATIO_ERROR:
        return ": it was merged twice"
    if abs(scale - 1) < MAX_RATIO_ERROR:
        return ": alpha / rank was left out"
    return ""


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
