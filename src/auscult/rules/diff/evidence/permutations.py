"""What the permutations in an alignment say about the layouts of the two sides."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from math import prod, sqrt

from auscult.align.kinds import Kind, layer_kind, legal_permutations, module_of
from auscult.align.records import Match
from auscult.finding import Finding, Fix, Severity
from auscult.recipe.ops.permute import Permute
from auscult.rules.diff.claims import OPEN
from auscult.rules.diff.evidence.names import GRAPHS
from auscult.rules.diff.subject import DiffSubject, Place
from auscult.rules.wording import counted, entries, some
from auscult.verdict import Equality
from auscult.weights import Shape

Axes = tuple[int, ...]
MIN_CORRELATION = 0.5
"""A fine-tuned copy lies above 0.9."""
MAX_SIGMAS = 5.0
"""Standard errors, 1 / sqrt(values), of the correlation of unrelated weights, over all the tensors and orders of a file."""
_BY_AXES: Mapping[Axes, Kind] = {
    (0, 2, 1): "conv1d",
    (1, 2, 0): "conv-transpose1d",
    (2, 0, 1): "conv-transpose1d",
    (1, 0, 2): "conv-transpose1d",
    (0, 2, 3, 1): "conv2d",
    (0, 3, 1, 2): "conv2d",
    (1, 0): "linear",
}

_FLAT: Mapping[Kind, Kind] = {"conv2d": "conv1d", "conv-transpose2d": "conv-transpose1d"}


@dataclass(frozen=True)
class Layer:
    """One weight of an alignment: its kind, and the permutation from a to b; None where the axes are the same.

    Attributes:
        legal: Whether some framework stores that kind of layer in the permuted order.
    """

    match: Match
    kind: Kind
    axes: Axes | None
    legal: bool = True


def find_layers(subject: DiffSubject) -> tuple[Layer, ...]:
    """Every weight with two axes or more that was found on both sides and is equal after its operations.

    Of other values it counts too if they follow the other side's, as in a fine-tuned copy, or if one framework's order of axes
    makes the shapes fit.
    """
    result = []
    for found in subject.alignment.matches:
        match: Match | None = found
        if found.equality is Equality.DIFFERENT and not follows(found):
            match = _fitted(subject, found)
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
        kind = _kind(subject, match, axes, shape)
        if kind in _FLAT and 3 in (
            len(subject.a[match.a[-1]].shape),
            len(subject.b[match.b[-1]].shape),
        ):
            kind = _BY_AXES.get(
                axes or (), _FLAT[kind]
            )  # a graph's 2-D operator for a layer of one dimension
        legal = (
            axes is None
            or kind in {"embedding", "other", "vector"}
            or axes in legal_permutations(kind)
        )
        result.append(Layer(match, kind, axes, legal))
    return tuple(result)


def follows(match: Match) -> bool:
    """Whether an unequal pair correlates, under its permutation, as only copies of one training do."""
    correlation = match.evidence.get("correlation")
    if match.cause is not None or correlation is None:
        return False
    chance = MAX_SIGMAS / sqrt(max(prod(match.evidence["shape_b"]), 1))
    return float(correlation) >= max(MIN_CORRELATION, chance)


def _fitted(subject: DiffSubject, match: Match) -> Match | None:
    """The pair with the one framework's permutation under which its shapes agree, if they do not as they are."""
    if match.cause is not None or len(match.a) != 1 or len(match.b) != 1:
        return None
    one, two = subject.a[match.a[0]].shape, subject.b[match.b[0]].shape
    if one == two or len(one) != len(two) or len(two) < 3:
        return None
    kind = layer_kind(subject.b, match.b[0], two)
    fitting = [
        axes
        for axes in legal_permutations(kind)
        if len(axes) == len(one) and tuple(one[axis] for axis in axes) == two
    ]
    if len(fitting) != 1:
        return None
    return replace(
        match, ops=(Permute(fitting[0]),), evidence={**match.evidence, "compared": "shapes"}
    )


def _kind(subject: DiffSubject, match: Match, axes: Axes | None, shape: Shape) -> Kind:
    """By the module or graph operator where one is known; else by the permutation, which belongs to one kind; else by name."""
    for side, names in ((subject.b, match.b), (subject.a, match.a)):
        if module_of(side, names[-1]) is not None:
            return layer_kind(side, names[-1], side[names[-1]].shape)
    named = layer_kind(subject.b, match.b[-1], shape)
    if axes is None or axes in legal_permutations(named):
        return named
    return _BY_AXES.get(axes, named)


def moved(layer: Layer, subject: DiffSubject, axes: Axes) -> bool:
    """Whether these axes would reorder an unpermuted layer's elements at all."""
    shape = subject.b[layer.match.b[-1]].shape
    return len(shape) == len(axes) and [axis for axis in axes if shape[axis] > 1] != [
        axis for axis in range(len(shape)) if shape[axis] > 1
    ]


def find_odd_ones(subject: DiffSubject) -> dict[Kind, tuple[Layer, ...]]:
    """Per kind of convolution in which some layers are permuted and some are not: the fewer of the two.

    Only permutations between two frameworks count: exchanged channels are no second layout.
    """
    result: dict[Kind, tuple[Layer, ...]] = {}
    every = subject.layers
    for kind in ("conv1d", "conv-transpose1d", "conv2d", "conv-transpose2d"):
        permuted = [
            layer
            for layer in every
            if layer.kind == kind and layer.axes is not None and layer.legal
        ]
        usual = Counter(layer.axes for layer in permuted).most_common(1)
        if not usual or usual[0][0] is None:
            continue
        axes = usual[0][0]
        straight = [
            layer
            for layer in every
            if layer.kind == kind and layer.axes is None and moved(layer, subject, axes)
        ]
        if straight:
            result[kind] = tuple(permuted if len(permuted) <= len(straight) else straight)
    return result


def whole_convention(subject: DiffSubject) -> bool:
    """Whether the two sides are two frameworks' conventions: every kind of convolution that could be permuted is."""
    every = subject.layers
    if subject.odd_layers or not all(layer.legal for layer in every):
        return False
    if all(_is_product(subject, layer) for layer in every if layer.axes is not None):
        return True
    permuted = {
        layer.kind for layer in every if layer.axes is not None and layer.kind.startswith("conv")
    }
    straight = {
        layer.kind for layer in every if layer.axes is None and layer.kind.startswith("conv")
    }
    return bool(permuted) and not (straight - permuted)


def _is_product(subject: DiffSubject, layer: Layer) -> bool:
    """Whether a graph multiplies by this matrix from the right, x W, so that it is stored as (in, out) there."""
    for side, names in ((subject.a, layer.match.a), (subject.b, layer.match.b)):
        used = side.modules.get(names[-1]) if side.format in GRAPHS else None
        if (
            layer.kind == "linear"
            and used is not None
            and used.type in ("MatMul", "MatMulInteger", "QLinearMatMul")
        ):
            return True
    return False


def fortran_squares(subject: DiffSubject) -> tuple[Match, ...]:
    """Transposed square matrices in a file that has other column-major tensors: there a transposition is the same fault."""
    if not subject.has_scramble:
        return ()
    every = [layer for layer in subject.layers if layer.axes is not None]
    return tuple(
        layer.match
        for layer in every
        if layer.axes == tuple(reversed(range(len(layer.axes or ()))))
        and subject.a[layer.match.a[-1]].shape == subject.b[layer.match.b[-1]].shape
    )


def places_of(subject: DiffSubject, kinds: Iterable[Kind]) -> tuple[Place, ...]:
    """The permuted layers of these kinds that are not the odd ones among unpermuted ones."""
    odd = {id(layer.match) for group in subject.odd_layers.values() for layer in group}
    odd |= {id(match) for match in fortran_squares(subject)}
    wanted = set(kinds)
    return tuple(
        Place(
            layer.match.a,
            layer.match,
            {"axes": layer.axes, "legal": layer.legal, OPEN: not _is_equal(layer.match)},
        )
        for layer in subject.layers
        if layer.axes is not None and layer.kind in wanted and id(layer.match) not in odd
    )


def _is_equal(match: Match) -> bool:
    return match.equality is not Equality.DIFFERENT


def layout_finding(
    code: str, cause: str, noun: str, subject: DiffSubject, places: tuple[Place, ...]
) -> Finding:
    """One finding for all permuted layers of a kind.

    It only informs where the two files are two frameworks' whole conventions; it is an error where code expects other axes,
    where one file mixes conventions between kinds of layer, or where no framework stores the layer so.
    """
    matches = [place.match for place in places if place.match is not None]
    axes = Counter(place.evidence["axes"] for place in places)
    legal = all(place.evidence["legal"] for place in places)
    consistent = whole_convention(subject)
    square = sum(1 for m in matches if subject.a[m.a[-1]].shape == subject.b[m.b[-1]].shape)
    by_shape = all(
        match.by != "content" and match.evidence.get("compared") == "shapes" for match in matches
    )
    unsettled = [m for m in matches if m.evidence.get("settled_by_shape") is False]
    copies = sum(not _is_equal(m) for m in matches)
    listed = ", ".join(f"({', '.join(map(str, order))})" for order, _ in axes.most_common(2))
    first = matches[0]
    shape_a, shape_b = subject.a[first.a[-1]].shape, subject.b[first.b[-1]].shape
    text = (
        f"{counted(len(places), noun)} stored in another axis order: permute {listed} makes them"
        f" {'fit' if by_shape else 'alike' if copies else 'equal'} ({first.a[-1]}: {list(shape_a)} against {list(shape_b)})"
    )
    if square:
        text += f"; in {square} of them the shape is the same and does not show it"
    if copies:
        text += f"; {'all' if copies == len(matches) else copies} of other values too, see other-weights"
    if not legal:
        text += "; no framework stores this layer so"
    names = tuple(name for match in matches for name in match.a)
    return Finding(
        code,
        cause,
        Severity.INFO if consistent and not subject.b_is_template else Severity.ERROR,
        names,
        text,
        confidence=0.7 if unsettled else 1.0,
        count=len(places),
        evidence={
            "axes": {str(list(order)): count for order, count in axes.most_common()},
            "same_shape": square,
            "whole_convention": consistent,
            "legal": legal,
            "confirmed_on": "shapes" if by_shape else "values",
        },
        fix=Fix("guess" if unsettled else "safe", f"permute {listed}", recipe=entries(matches)),
        settled_by=f"a reference file for {some([m.b[-1] for m in unsettled])}: their shapes are square"
        if unsettled
        else None,
        rank=33,
    )
