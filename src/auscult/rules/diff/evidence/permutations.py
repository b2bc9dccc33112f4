"""What the permutations in an alignment say about the layouts of the two sides."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import combinations
from math import prod, sqrt

from auscult.align.kinds import find_layer_kind, find_owner_module, list_legal_permutations
from auscult.align.records import Match
from auscult.facts.layers import ONE_DIMENSIONAL_KIND, LayerKind, stores_linear_transposed
from auscult.recipe.ops.permute import Permute
from auscult.rules.diff.claims import OPEN_KEY
from auscult.rules.diff.evidence.shapes import get_shape_pair
from auscult.rules.diff.subject import ClaimedPlace, DiffSubject
from auscult.verdict import Equality
from auscult.weights import Shape

Axes = tuple[int, ...]
MIN_CORRELATION = 0.5
"""Correlation from which an unequal pair counts as a copy of one training. Chosen, not measured; fine-tuned copies lie above 0.9."""
MAX_SIGMAS = 5.0
"""Standard errors, 1 / sqrt(values), that unrelated weights reach over all tensors and orders of a file. Chosen, not measured."""
_KIND_BY_AXES: Mapping[Axes, LayerKind] = {
    (0, 2, 1): "conv1d",
    (1, 2, 0): "conv_transpose1d",
    (2, 0, 1): "conv_transpose1d",
    (1, 0, 2): "conv_transpose1d",
    (0, 2, 3, 1): "conv2d",
    (0, 3, 1, 2): "conv2d",
    (1, 0): "linear",
}

PRODUCT_OPERATORS = frozenset(
    (
        *("MatMul", "MatMulInteger", "QLinearMatMul", "MatMulIntegerToFloat"),
        *("DynamicQuantizeMatMul", "FusedMatMul", "matmul", "Gemm", "FusedGemm", "QGemm"),
        "DynamicQuantizeLSTM",
    )
)
"""Operators that multiply by a matrix (in, out) from the right, but where `transB` says that it is (out, in)."""


@dataclass(frozen=True)
class LayerLayout:
    """One weight of an alignment: its kind, and the permutation from the reference to the candidate.

    Attributes:
        axes: None where both sides have the same order of axes.
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
    layers = (_describe_layer(subject, match) for match in subject.alignment.matches)
    return tuple(layer for layer in layers if layer is not None)


def _describe_layer(subject: DiffSubject, aligned_match: Match) -> LayerLayout | None:
    """The layout of one pair; None where it is no weight, or has no common order of axes."""
    shape_pair = get_shape_pair(subject, aligned_match)
    if min(map(len, shape_pair)) < 2:
        return None
    match: Match | None = aligned_match
    if aligned_match.equality is Equality.DIFFERENT and not is_correlated_copy(aligned_match):
        match = _fit_axes(subject, aligned_match)
    if match is None or match.cause in {"layout-fortran", "swapped"}:
        return None
    axes = next((op.axes for op in match.ops if isinstance(op, Permute)), None)
    shape = _choose_shape(subject, match, *shape_pair)
    if axes is None and sum(length > 1 for length in shape) < 2:
        return None
    rank_axes = _rank_long_axes(axes, *shape_pair)
    kind = _classify_layer(subject, match, rank_axes, shape)
    if kind in ONE_DIMENSIONAL_KIND and 3 in map(len, shape_pair):
        # a graph's 2-D operator for a layer of one dimension
        kind = _KIND_BY_AXES.get(rank_axes or (), ONE_DIMENSIONAL_KIND[kind])
    axes = _find_customary_axes(kind, axes, *shape_pair)
    is_legal = (
        axes is None
        or kind in {"embedding", "other", "vector"}
        or axes in list_legal_permutations(kind)
    )
    return LayerLayout(match, kind, axes, is_legal)


def _rank_long_axes(
    axes: Axes | None, reference_shape: Shape, candidate_shape: Shape
) -> Axes | None:
    """An order of axes without those of length one, where just these were dropped: `(0, 3, 2, 1)` of
    `[32, 1, 5, 16]` is `(0, 2, 1)` of `[32, 5, 16]`."""
    if axes is None or len(axes) != len(reference_shape):  # of what operations before it made
        return axes
    if 1 not in reference_shape:
        return axes
    long_axes = [axis for axis in axes if reference_shape[axis] != 1]
    if len(long_axes) != min(len(reference_shape), len(candidate_shape)):
        return axes
    return tuple(sorted(long_axes).index(axis) for axis in long_axes)


def _find_customary_axes(
    kind: LayerKind, axes: Axes | None, reference_shape: Shape, candidate_shape: Shape
) -> Axes | None:
    """The framework's order of axes that puts the elements where `axes` puts them: axes of length one may lie anywhere.

    LiteRT keeps a convolution over time as one over a plane of height one, [out, 1, k, in].
    """
    if axes is None or axes in list_legal_permutations(kind):
        return axes
    if len(axes) != len(reference_shape):
        return axes
    long_axes = [axis for axis in axes if reference_shape[axis] != 1]
    rank = min(len(reference_shape), len(candidate_shape))
    unit_axes = [axis for axis, length in enumerate(reference_shape) if length == 1]
    for dropped in combinations(unit_axes, len(reference_shape) - rank):
        kept = [axis for axis in range(len(reference_shape)) if axis not in dropped]
        for order in list_legal_permutations(kind):
            if len(order) == rank and long_axes == [
                kept[place] for place in order if reference_shape[kept[place]] != 1
            ]:
                return order
    return axes


def _choose_shape(
    subject: DiffSubject, match: Match, reference_shape: Shape, candidate_shape: Shape
) -> Shape:
    """The shape of the last tensor on the side that has more of them; the target's where they are as many."""
    takes_reference = len(match.a) > len(match.b)
    if len(match.a) == len(match.b):
        takes_reference = subject.target_role == "reference"
    if takes_reference:
        return reference_shape
    return candidate_shape


def is_correlated_copy(match: Match) -> bool:
    """Whether an unequal pair correlates, under its permutation, as only copies of one training do."""
    correlation = match.evidence.get("correlation")
    if match.cause is not None or correlation is None:
        return False
    chance_correlation = MAX_SIGMAS / sqrt(max(prod(match.evidence["shape_a"]), 1))
    return float(correlation) >= max(MIN_CORRELATION, chance_correlation)


def _fit_axes(subject: DiffSubject, match: Match) -> Match | None:
    """The pair with the one framework's permutation under which its shapes agree, if they do not as they are."""
    if match.cause is not None or len(match.a) != 1 or len(match.b) != 1:
        return None
    reference_shape, candidate_shape = get_shape_pair(subject, match)
    rank = len(reference_shape)
    if reference_shape == candidate_shape or rank != len(candidate_shape) or rank < 3:
        return None
    target_name = subject.target_names(match)[0]
    kind = find_layer_kind(subject.target, target_name, subject.target[target_name].shape)
    fitting_axes = [
        axes
        for axes in list_legal_permutations(kind)
        if len(axes) == rank and tuple(reference_shape[axis] for axis in axes) == candidate_shape
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
    source_name, target_name = subject.source_names(match)[-1], subject.target_names(match)[-1]
    for side, name in ((subject.target, target_name), (subject.source, source_name)):
        if find_owner_module(side, name) is not None:
            return find_layer_kind(side, name, side[name].shape)
    kind_by_name = find_layer_kind(subject.target, target_name, shape)
    if axes is None or axes in list_legal_permutations(kind_by_name):
        return kind_by_name
    return _KIND_BY_AXES.get(axes, kind_by_name)


def is_reordered_by(layer: LayerLayout, subject: DiffSubject, axes: Axes) -> bool:
    """Whether these axes would reorder an unpermuted layer's elements at all."""
    shape = subject.reference[layer.match.a[-1]].shape
    return len(shape) == len(axes) and [axis for axis in axes if shape[axis] > 1] != [
        axis for axis in range(len(shape)) if shape[axis] > 1
    ]


def find_minority_layers(subject: DiffSubject) -> dict[LayerKind, tuple[LayerLayout, ...]]:
    """Per kind of convolution in which some layers are permuted and some are not: the fewer of the two.

    Only permutations between two frameworks count: exchanged channels are no second layout.
    """
    result: dict[LayerKind, tuple[LayerLayout, ...]] = {}
    all_layers = subject.layers
    for kind in ("conv1d", "conv_transpose1d", "conv2d", "conv_transpose2d"):
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
    if subject.minority_layers or not all(
        layer.legal or _is_product(subject, layer) for layer in all_layers
    ):
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
    """Whether a side stores this matrix as (in, out): a graph that multiplies by it from the right, x W, or Paddle.

    A matrix of one row or column counts as a vector elsewhere.
    """
    if layer.kind not in {"linear", "vector", "recurrent"}:
        return False
    sides = ((subject.reference, layer.match.a), (subject.candidate, layer.match.b))
    is_linear = layer.kind == "linear"
    if is_linear and sum(stores_linear_transposed(side.format) for side, _ in sides) == 1:
        return True
    operators = [side.modules.get(names[-1]) for side, names in sides if side.is_graph]
    return any(
        operator is not None
        and operator.type in PRODUCT_OPERATORS
        and not operator.attributes.get("transB")
        for operator in operators
    )


def find_fortran_squares(subject: DiffSubject) -> tuple[Match, ...]:
    """Transposed square matrices in a file that has other column-major tensors: there a transposition is the same fault."""
    if not subject.has_column_major_tensors:
        return ()
    permuted_layers = [layer for layer in subject.layers if layer.axes is not None]
    return tuple(
        layer.match
        for layer in permuted_layers
        if layer.axes == tuple(reversed(range(len(layer.axes or ()))))
        and has_same_shape(subject, layer.match)
    )


def has_same_shape(subject: DiffSubject, match: Match) -> bool:
    """Whether a pair's shapes do not show a permutation."""
    reference_shape, candidate_shape = get_shape_pair(subject, match)
    return reference_shape == candidate_shape


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
            layer.match.b,
            layer.match,
            {"axes": layer.axes, "legal": layer.legal, OPEN_KEY: not is_equal(layer.match)},
        )
        for layer in subject.layers
        if layer.axes is not None
        and layer.kind in wanted_kinds
        and id(layer.match) not in excluded_matches
    )


def is_equal(match: Match) -> bool:
    return match.equality is not Equality.DIFFERENT
