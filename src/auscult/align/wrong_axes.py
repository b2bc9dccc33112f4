"""Axes in an order that no convention explains, where the shape does not show it.

A square weight keeps its shape when it is transposed. It is a fault where no framework stores that kind of layer so, and where
the layers whose shapes do show it, or the other layers of a row, say that the two sides have another order.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Hashable, Iterable

from auscult.align.kinds import find_layer_kind, find_owner_module, list_legal_permutations
from auscult.align.moves import sort_sides
from auscult.align.records import Match
from auscult.align.side import CheckpointSide
from auscult.facts.layers import ONE_DIMENSIONAL_KIND, LayerKind
from auscult.facts.words import split_indices
from auscult.recipe.ops.permute import Permute
from auscult.verdict import Equality

MIN_WITNESSES = 2
"""Layers whose shapes show the order, and that agree, before a square one is held against them. Chosen, not measured: one
could be another kind of layer than its name says."""
_CONVOLUTIONS: tuple[LayerKind, ...] = (
    *("conv1d", "conv_transpose1d", "conv2d", "conv_transpose2d"),
    *("conv3d", "conv_transpose3d"),
)


def find_wrong_axes(
    matches: Iterable[Match], a: CheckpointSide, b: CheckpointSide
) -> frozenset[int]:
    """The matches, by `id`, whose axes lie in an order that no convention explains."""
    pairs = [
        match
        for match in matches
        if len(match.a) == len(match.b) == 1 and match.equality is not Equality.DIFFERENT
    ]
    return (
        _find_stray_transposes(pairs, a, b)
        | _find_unlike_squares(pairs, a, b)
        | frozenset(id(match) for match in pairs if _has_strange_axes(match, a, b))
    )


def _find_stray_transposes(
    matches: Iterable[Match], a: CheckpointSide, b: CheckpointSide
) -> frozenset[int]:
    """Square weights with two axes exchanged among siblings of a row that stand as they are: shapes do not tell."""
    if a.checkpoint.is_graph or b.checkpoint.is_graph:
        return frozenset()
    rows: dict[tuple[str, str], list[Match]] = defaultdict(list)
    for match in matches:
        labels = split_indices(match.a[0])[0], split_indices(match.b[0])[0]
        if "*" in labels[0] and a.shapes[match.a[0]] == b.shapes[match.b[0]]:
            rows[labels].append(match)
    result: set[int] = set()
    for row in rows.values():
        transposed = [match for match in row if _find_axes(match) is not None]
        if 0 < len(transposed) < len(row):
            result.update(map(id, transposed))
    return frozenset(result)


def _find_axes(match: Match) -> tuple[int, ...] | None:
    """The order of axes from side a to side b; None where they stay as they are."""
    return next((op.axes for op in match.ops if isinstance(op, Permute)), None)


def _find_unlike_squares(
    matches: Iterable[Match], a: CheckpointSide, b: CheckpointSide
) -> frozenset[int]:
    """Square matrices that are transposed and their like (whose shapes show it, else other squares) are not, or the reverse.

    Matrices are alike if the same operators take them, or under the same last word. Of files without operators, a whole row
    that is transposed is a convention: its code may multiply from the other side.
    """
    matrices = [
        match
        for match in matches
        if len(sort_sides(a.shapes[match.a[0]])) == 2 and _is_linear(match, a, b)
    ]
    rows = Counter(split_indices(match.a[0])[0] for match in matrices)
    squares: dict[Hashable, list[Match]] = defaultdict(list)
    witnesses: dict[Hashable, list[bool]] = defaultdict(list)
    for match in matrices:
        sides = sort_sides(a.shapes[match.a[0]])
        key = _find_use(a, match.a[0]), _find_use(b, match.b[0])
        has_operator = match.a[0] in a.checkpoint.modules or match.b[0] in b.checkpoint.modules
        if sides[0] == sides[1] and (has_operator or rows[split_indices(match.a[0])[0]] == 1):
            squares[key].append(match)
        elif sides[0] != sides[1]:
            witnesses[key].append(_find_axes(match) is not None)
    result: set[int] = set()
    for use, group in squares.items():
        turned = [match for match in group if _find_axes(match) is not None]
        straight = [match for match in group if _find_axes(match) is None]
        seen = witnesses[use]
        if len(seen) >= MIN_WITNESSES and len(set(seen)) == 1:
            odd = straight if seen[0] else turned
        elif len(turned) > len(straight):
            odd = straight
        else:  # of as many, those that had to be transposed
            odd = turned if straight else []
        result.update(map(id, odd))
    return frozenset(result)


def _is_linear(match: Match, a: CheckpointSide, b: CheckpointSide) -> bool:
    kinds = {
        find_layer_kind(side.checkpoint, name) for side, name in ((a, match.a[0]), (b, match.b[0]))
    }
    return "linear" in kinds and "embedding" not in kinds


def _find_use(side: CheckpointSide, name: str) -> Hashable:
    """The operator that takes a matrix, with what turns it round; without one, the last word of its name."""
    operator = side.checkpoint.modules.get(name)
    if operator is None:
        return name.replace("/", ".").rpartition(".")[2]
    passed_operators = operator.attributes.get("through", ())
    return (
        operator.type,
        bool(operator.attributes.get("transB")),
        tuple(passed_operators).count("Transpose") % 2,
    )


def _has_strange_axes(match: Match, a: CheckpointSide, b: CheckpointSide) -> bool:
    """Whether a convolution with as many inputs as outputs lies in an order in which no framework stores it."""
    axes = _find_axes(match)
    shape = a.shapes[match.a[0]]
    long_axes = [axis for axis in axes or () if shape[axis] != 1]
    if len(long_axes) < 3 or len({shape[axis] for axis in long_axes}) == len(long_axes):
        return False
    order = tuple(sorted(long_axes).index(axis) for axis in long_axes)
    kinds = _list_possible_kinds(match, a, b)
    legal_orders = {
        _drop_short_axes(permutation, long_axes, len(shape))
        for kind in kinds
        for permutation in list_legal_permutations(kind)
    }
    return bool(kinds) and order not in legal_orders


def _drop_short_axes(
    permutation: tuple[int, ...], long_axes: Collection[int], rank: int
) -> tuple[int, ...]:
    """An order of all axes as one of the long axes alone; one of another rank (a layer over time kept as a plane) as it is."""
    if len(permutation) != rank:
        return permutation
    ordered = sorted(long_axes)
    return tuple(ordered.index(axis) for axis in permutation if axis in long_axes)


def _list_possible_kinds(
    match: Match, a: CheckpointSide, b: CheckpointSide
) -> tuple[LayerKind, ...]:
    """The kinds of convolution that a weight may be of: the one of its operator or module, else all; none for other layers."""
    kinds = {
        find_layer_kind(side.checkpoint, name)
        for side, name in ((a, match.a[0]), (b, match.b[0]))
        if find_owner_module(side.checkpoint, name) is not None
    }
    if not kinds:
        kinds = {find_layer_kind(a.checkpoint, match.a[0])}
        if kinds <= set(_CONVOLUTIONS):
            return _CONVOLUTIONS
    if not kinds <= set(_CONVOLUTIONS):
        return ()
    # a graph's operator over a plane may stand for a layer over time
    return (*kinds, *(ONE_DIMENSIONAL_KIND[kind] for kind in kinds if kind in ONE_DIMENSIONAL_KIND))
