"""The finding of the layout rules: layers of one kind that the candidate stores in another order of axes."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from auscult.align.records import Match
from auscult.facts.words import format_count, format_shape, list_first_names
from auscult.finding import Finding, Fix, Safety, Severity
from auscult.recipe.ops.permute import Permute
from auscult.rules.diff.evidence.permutations import (
    Axes,
    has_same_shape,
    is_equal,
    is_whole_convention,
)
from auscult.rules.diff.evidence.repair import build_repair_entries, describe_direction
from auscult.rules.diff.evidence.shapes import get_shape_pair
from auscult.rules.diff.subject import ClaimedPlace, DiffSubject

CONFIDENCE_BY_SHAPE = 0.7
"""Confidence where square weights were decided by the layout of the others. Chosen, not measured."""
MAX_LISTED_ORDERS = 2
"""Orders of axes that a message names. Chosen, not measured."""


@dataclass(frozen=True)
class PermutedLayers:
    """What there is to say of the permuted layers of one kind.

    Attributes:
        axes: The permutations that a repair needs, source to target, with the number of layers of each.
        is_legal: Whether some framework stores that kind of layer so.
        is_consistent: Whether the two sides are two frameworks' whole conventions.
        is_by_shape: Whether only shapes were compared.
        square_count: Layers whose shape is the same on both sides.
        copy_count: Layers whose values differ too.
        unsettled_names: Layers whose order no shape settles.
    """

    matches: list[Match]
    axes: Counter[Axes]
    is_legal: bool
    is_consistent: bool
    is_by_shape: bool
    square_count: int
    copy_count: int
    unsettled_names: list[str]


def build_layout_finding(
    code: str, cause: str, noun: str, subject: DiffSubject, places: tuple[ClaimedPlace, ...]
) -> Finding:
    """One finding for all permuted layers of a kind.

    It only informs where the two files are two frameworks' whole conventions; it is an error where code expects other axes,
    where one file mixes conventions between kinds of layer, where no framework stores the layer so, or where it is not stored
    as its like are.
    """
    layers = _summarise_layers(subject, places)
    severity = Severity.ERROR
    is_any_faulty = any(match.fault for match in layers.matches)
    if layers.is_consistent and not subject.compares_shapes and not is_any_faulty:
        severity = Severity.INFO
    confidence, settled_by = 1.0, None
    safety: Safety = "safe"
    if layers.unsettled_names:
        confidence, safety = CONFIDENCE_BY_SHAPE, "guess"
        names_text = list_first_names(layers.unsettled_names)
        settled_by = f"a reference file for {names_text}: their shapes are square"
    return Finding(
        code,
        cause,
        severity,
        tuple(name for match in layers.matches for name in match.b),
        _describe_layers(subject, layers, noun),
        confidence=confidence,
        count=len(places),
        evidence={
            "axes": {str(list(order)): count for order, count in layers.axes.most_common()},
            "same_shape": layers.square_count,
            "whole_convention": layers.is_consistent,
            "legal": layers.is_legal,
            "confirmed_on": "shapes" if layers.is_by_shape else "values",
        },
        fix=_build_fix(subject, layers, safety),
        settled_by=settled_by,
        rank=33,
    )


def _build_fix(subject: DiffSubject, layers: PermutedLayers, safety: Safety) -> Fix:
    return Fix(
        safety,
        f"permute {_list_axes(layers)}, {describe_direction(subject)}",
        recipe=build_repair_entries(subject, layers.matches),
    )


def _summarise_layers(subject: DiffSubject, places: tuple[ClaimedPlace, ...]) -> PermutedLayers:
    matches = [place.match for place in places if place.match is not None]
    unsettled_matches = [
        match for match in matches if match.evidence.get("settled_by_shape") is False
    ]
    return PermutedLayers(
        matches,
        axes=_count_repair_axes(subject, matches),
        is_legal=all(place.evidence["legal"] for place in places),
        is_consistent=is_whole_convention(subject),
        is_by_shape=all(
            match.by != "content" and match.evidence.get("compared") == "shapes"
            for match in matches
        ),
        square_count=sum(has_same_shape(subject, match) for match in matches),
        copy_count=sum(not is_equal(match) for match in matches),
        unsettled_names=[match.b[-1] for match in unsettled_matches],
    )


def _count_repair_axes(subject: DiffSubject, matches: list[Match]) -> Counter[Axes]:
    """The orders of axes that lead from the source to the target, each with its number of matches."""
    permutes = (
        next((op for op in match.ops if isinstance(op, Permute)), None) for match in matches
    )
    counts = Counter(op.axes for op in permutes if op is not None)
    if subject.source_role == "reference":
        return counts
    return Counter({Permute(axes).inverse().axes: count for axes, count in counts.items()})


def _list_axes(layers: PermutedLayers) -> str:
    orders = [order for order, _ in layers.axes.most_common(MAX_LISTED_ORDERS)]
    return ", ".join(f"({', '.join(map(str, order))})" for order in orders)


def _describe_layers(subject: DiffSubject, layers: PermutedLayers, noun: str) -> str:
    """The message: how many layers, which permutation, one example, and what else is to know of them."""
    reference_shape, candidate_shape = get_shape_pair(subject, layers.matches[0])
    if layers.is_by_shape:
        outcome = "shape"
    elif layers.copy_count:
        outcome = "order"
    else:
        outcome = "values"
    source_noun, target_noun = subject.noun(subject.source_role), subject.noun(subject.target_role)
    text = (
        f"{format_count(len(layers.matches), noun)} of the {source_noun} in another axis order than the {target_noun}'s:"
        f" permute {_list_axes(layers)} gives the {target_noun}'s {outcome}"
        f" ({layers.matches[0].b[-1]}: {subject.noun('reference')} {format_shape(reference_shape)},"
        f" {subject.noun('candidate')} {format_shape(candidate_shape)})"
    )
    if layers.square_count:
        text += f"; in {layers.square_count} of them the shape is the same and does not show it"
    if layers.copy_count == len(layers.matches):
        text += "; all have other values too, see other-weights"
    elif layers.copy_count:
        text += f"; {layers.copy_count} have other values too, see other-weights"
    if not layers.is_legal:
        text += "; no framework stores this layer so"
    return text
