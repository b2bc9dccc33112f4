"""What the permutations in an alignment say about the layouts of the two sides."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from math import prod, sqrt

from auscult.align.kinds import (
    LayerKind,
    find_layer_kind,
    find_owner_module,
    list_legal_permutations,
)
from auscult.align.records import Match
from auscult.finding import Finding, Fix, Severity
from auscult.recipe.ops.permute import Permute
from auscult.rules.diff.claims import OPEN_KEY
from auscult.rules.diff.evidence.names import GRAPH_FORMATS
from auscult.rules.diff.subject import ClaimedPlace, DiffSubject
from auscult.rules.wording import build_recipe_entries, format_count, list_first_names
from auscult.verdict import Equality
from auscult.weights import Shape

Axes = tuple[int, ...]
MIN_CORRELATION = 0.5
"""A fine-tuned copy lies above 0.9."""
MAX_SIGMAS = 5.0
"""Standard errors, 1 / sqrt(values), of the correlation of unrelated weights, over all the tensors and orders of a file."""
_KIND_BY_AXES: Mapping[Axes, LayerKind] = {
    (0, 2, 1): "conv1d",
    (1, 2, 0): "conv-transpose1d",
    (2, 0, 1): "conv-transpose1d",
    (1, 0, 2): "conv-transpose1d",
    (0, 2, 3, 1): "conv2d",
    (0, 3, 1, 2): "conv2d",
    (1, 0): "linear",
}

_ONE_DIMENSIONAL_KIND: Mapping[LayerKind, LayerKind] = {
    "conv2d": "conv1d",
    "conv-transpose2d": "conv-transpose1d",
}


@dataclass(frozen=True)
class LayerLayout:
    """One weight of an alignment: its kind, and the permutation from a to b; None where the axes are the same.

    Attributes:
        legal: Whether some framework stores that kind of layer in the permuted order.
    """

    match: Match
    kind: LayerKind
    axes: Axes | None
    legal: bool = True


def find_layers(subject: DiffSubject) -> tuple[LayerLayout, ...]:
    """Every weight with two axes or more that was found on both sides and is equal after its operations.

    Of other values it counts too if they follow the other side's, as in a fine-tuned copy, or if one framework's order of axes
    makes the shapes fit.
    """
    result = []
    for aligned_match in subject.alignment.matches:
        match: Match | None = aligned_match
        if aligned_match.equality is Equality.DIFFERENT and not is_correlated_copy(aligned_match):
            match = _fit_axes(subject, aligned_match)
        if match is None or match.cause in {"layout-fortran", "swapped"}:
            continue
        axes = next((op.axes for op in match.ops if isinstance(op, Permute)), None)
        name = match.b[-1] if len(match.b) >= len(match.a) else match.a[-1]
        side = subject.b if len(match.b) >= len(match.a) else subject.a
        shape = side[name].shape
        if min(
            len(subject.a[match.a[-1]].shape), len(subject.b[match.b[-1]].shape), len(shape)
        ) < 2 or (axes is None and sum(length > 1 for length in shape) < 2):
            continue
        kind = _classify_layer(subject, match, axes, shape)
        if kind in _ONE_DIMENSIONAL_KIND and 3 in (
            len(subject.a[match.a[-1]].shape),
            len(subject.b[match.b[-1]].shape),
        ):
            kind = _KIND_BY_AXES.get(
                axes or (), _ONE_DIMENSIONAL_KIND[kind]
            )  # a graph's 2-D operator for a layer of one dimension
        is_legal = (
            axes is None
            or kind in {"embedding", "other", "vector"}
            or axes in list_legal_permutations(kind)
        )
        result.append(LayerLayout(match, kind, axes, is_legal))
    return tuple(result)


def is_correlated_copy(match: Match) -> bool:
    """Whether an unequal pair correlates, under its permutation, as only copies of one training do."""
    correlation = match.evidence.get("correlation")
    if match.cause is not None or correlation is None:
        return False
    chance_correlation = MAX_SIGMAS / sqrt(max(prod(match.evidence["shape_b"]), 1))
    return float(correlation) >= max(MIN_CORRELATION, chance_correlation)


def _fit_axes(subject: DiffSubject, match: Match) -> Match | None:
    """The pair with the one framework's permutation under which its shapes agree, if they do not as they are."""
    if match.cause is not None or len(match.a) != 1 or len(match.b) != 1:
        return None
    shape_a, shape_b = subject.a[match.a[0]].shape, subject.b[match.b[0]].shape
    if shape_a == shape_b or len(shape_a) != len(shape_b) or len(shape_b) < 3:
        return None
    kind = find_layer_kind(subject.b, match.b[0], shape_b)
    fitting_axes = [
        axes
        for axes in list_legal_permutations(kind)
        if len(axes) == len(shape_a) and tuple(shape_a[axis] for axis in axes) == shape_b
    ]
    if len(fitting_axes) != 1:
        return None
    return replace(
        match, ops=(Permute(fitting_axes[0]),), evidence={**match.evidence, "compared": "shapes"}
    )


def _classify_layer(
    subject: DiffSubject, match: Match, axes: Axes | None, shape: Shape
) -> LayerKind:
    """By the module or graph operator where one is known; else by the permutation, which belongs to one kind; else by name."""
    for side, names in ((subject.b, match.b), (subject.a, match.a)):
        if find_owner_module(side, names[-1]) is not None:
            return find_layer_kind(side, names[-1], side[names[-1]].shape)
    kind_by_name = find_layer_kind(subject.b, match.b[-1], shape)
    if axes is None or axes in list_legal_permutations(kind_by_name):
        return kind_by_name
    return _KIND_BY_AXES.get(axes, kind_by_name)


def is_reordered_by(layer: LayerLayout, subject: DiffSubject, axes: Axes) -> bool:
    """Whether these axes would reorder an unpermuted layer's elements at all."""
    shape = subject.b[layer.match.b[-1]].shape
    return len(shape) == len(axes) and [axis for axis in axes if shape[axis] > 1] != [
        axis for axis in range(len(shape)) if shape[axis] > 1
    ]


def find_minority_layers(subject: DiffSubject) -> dict[LayerKind, tuple[LayerLayout, ...]]:
    """Per kind of convolution in which some layers are permuted and some are not: the fewer of the two.

    Only permutations between two frameworks count: exchanged channels are no second layout.
    """
    result: dict[LayerKind, tuple[LayerLayout, ...]] = {}
    all_layers = subject.layers
    for kind in ("conv1d", "conv-transpose1d", "conv2d", "conv-transpose2d"):
        permuted_layers = [
            layer
            for layer in all_layers
            if layer.kind == kind and layer.axes is not None and layer.legal
        ]
        usual_axes = Counter(layer.axes for layer in permuted_layers).most_common(1)
        if not usual_axes or usual_axes[0][0] is None:
            continue
        axes = usual_axes[0][0]
        straight_layers = [
            layer
            for layer in all_layers
            if layer.kind == kind and layer.axes is None and is_reordered_by(layer, subject, axes)
        ]
        if straight_layers:
            result[kind] = tuple(
                permuted_layers if len(permuted_layers) <= len(straight_layers) else straight_layers
            )
    return result


def is_whole_convention(subject: DiffSubject) -> bool:
    """Whether the two sides are two frameworks' conventions: every kind of convolution that could be permuted is."""
    all_layers = subject.layers
    if subject.minority_layers or not all(layer.legal for layer in all_layers):
        return False
    if all(_is_product(subject, layer) for layer in all_layers if layer.axes is not None):
        return True
    permuted_kinds = {
        layer.kind
        for layer in all_layers
        if layer.axes is not None and layer.kind.startswith("conv")
    }
    straight_kinds = {
        layer.kind for layer in all_layers if layer.axes is None and layer.kind.startswith("conv")
    }
    return bool(permuted_kinds) and not (straight_kinds - permuted_kinds)


def _is_product(subject: DiffSubject, layer: LayerLayout) -> bool:
    """Whether a graph multiplies by this matrix from the right, x W, so that it is stored as (in, out) there."""
    for side, names in ((subject.a, layer.match.a), (subject.b, layer.match.b)):
        operator = side.modules.get(names[-1]) if side.format in GRAPH_FORMATS else None
        if (
            layer.kind == "linear"
            and operator is not None
            and operator.type in ("MatMul", "MatMulInteger", "QLinearMatMul")
        ):
            return True
    return False


def find_fortran_squares(subject: DiffSubject) -> tuple[Match, ...]:
    """Transposed square matrices in a file that has other column-major tensors: there a transposition is the same fault."""
    if not subject.has_column_major_tensors:
        return ()
    permuted_layers = [layer for layer in subject.layers if layer.axes is not None]
    return tuple(
        layer.match
        for layer in permuted_layers
        if layer.axes == tuple(reversed(range(len(layer.axes or ()))))
        and subject.a[layer.match.a[-1]].shape == subject.b[layer.match.b[-1]].shape
    )


def find_permuted_places(
    subject: DiffSubject, kinds: Iterable[LayerKind]
) -> tuple[ClaimedPlace, ...]:
    """The permuted layers of these kinds that are not the odd ones among unpermuted ones."""
    excluded_matches = {
        id(layer.match) for group in subject.minority_layers.values() for layer in group
    }
    excluded_matches |= {id(match) for match in find_fortran_squares(subject)}
    wanted_kinds = set(kinds)
    return tuple(
        ClaimedPlace(
            layer.match.a,
            layer.match,
            {"axes": layer.axes, "legal": layer.legal, OPEN_KEY: not _is_equal(layer.match)},
        )
        for layer in subject.layers
        if layer.axes is not None
        and layer.kind in wanted_kinds
        and id(layer.match) not in excluded_matches
    )


def _is_equal(match: Match) -> bool:
    return match.equality is not Equality.DIFFERENT


def build_layout_finding(
    code: str, cause: str, noun: str, subject: DiffSubject, places: tuple[ClaimedPlace, ...]
) -> Finding:
    """One finding for all permuted layers of a kind.

    It only informs where the two files are two frameworks' whole conventions; it is an error where code expects other axes,
    where one file mixes conventions between kinds of layer, or where no framework stores the layer so.
    """
    matches = [place.match for place in places if place.match is not None]
    axes = Counter(place.evidence["axes"] for place in places)
    is_legal = all(place.evidence["legal"] for place in places)
    is_consistent = is_whole_convention(subject)
    square_count = sum(
        1
        for paired_match in matches
        if subject.a[paired_match.a[-1]].shape == subject.b[paired_match.b[-1]].shape
    )
    is_by_shape = all(
        match.by != "content" and match.evidence.get("compared") == "shapes" for match in matches
    )
    unsettled_matches = [
        paired_match
        for paired_match in matches
        if paired_match.evidence.get("settled_by_shape") is False
    ]
    copy_count = sum(not _is_equal(paired_match) for paired_match in matches)
    axes_text = ", ".join(f"({', '.join(map(str, order))})" for order, _ in axes.most_common(2))
    first_match = matches[0]
    shape_a, shape_b = subject.a[first_match.a[-1]].shape, subject.b[first_match.b[-1]].shape
    text = (
        f"{format_count(len(places), noun)} stored in another axis order: permute {axes_text} makes them"
        f" {'fit' if is_by_shape else 'alike' if copy_count else 'equal'} ({first_match.a[-1]}: {list(shape_a)} against {list(shape_b)})"
    )
    if square_count:
        text += f"; in {square_count} of them the shape is the same and does not show it"
    if copy_count:
        text += f"; {'all' if copy_count == len(matches) else copy_count} of other values too, see other-weights"
    if not is_legal:
        text += "; no framework stores this layer so"
    names = tuple(name for match in matches for name in match.a)
    return Finding(
        code,
        cause,
        Severity.INFO if is_consistent and not subject.b_is_template else Severity.ERROR,
        names,
        text,
        confidence=0.7 if unsettled_matches else 1.0,
        count=len(places),
        evidence={
            "axes": {str(list(order)): count for order, count in axes.most_common()},
            "same_shape": square_count,
            "whole_convention": is_consistent,
            "legal": is_legal,
            "confirmed_on": "shapes" if is_by_shape else "values",
        },
        fix=Fix(
            "guess" if unsettled_matches else "safe",
            f"permute {axes_text}",
            recipe=build_recipe_entries(matches),
        ),
        settled_by=f"a reference file for {list_first_names([paired_match.b[-1] for paired_match in unsettled_matches])}: their shapes are square"
        if unsettled_matches
        else None,
        rank=33,
    )
