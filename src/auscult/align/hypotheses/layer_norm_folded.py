"""A layer norm's gain and shift in the linear layers behind it, on one side only, as graph converters write them.

W' = W γ along the input axis, b' = b + W β. All layers behind one norm take it in, as query, key and value do, so that the norm
itself is gone. The layers' names say little in a graph: weights are found by content, the bias by the operator of its weight.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterator
from dataclasses import dataclass

import numpy as np

from auscult.align.compare import TensorValues
from auscult.align.derived import HypothesisView, Proposal
from auscult.align.explain import explain_array
from auscult.align.layers import LayerIndex
from auscult.align.side import CheckpointSide
from auscult.recipe.ops.fold_layer_norm import FoldLayerNorm
from auscult.weights import Array

PRIORITY = 25
BOTH_WAYS = True

MAX_TRIED_LAYERS = 16
"""Layers of the right width that are tried for one norm, those of the same block first. Chosen, not measured."""
MAX_SIMILAR = 2
"""Targets that are compared on their elements, of those whose content resembles the product."""
MAX_BIASES = 2
"""The same for biases, the nearest first."""
_GAIN_NAME = re.compile(r"(^|[._])(gamma|weight|scale)$")
_NORM_NAME = re.compile(r"norm|(^|[._])ln", re.IGNORECASE)


@dataclass(frozen=True)
class FoldedLayer:
    """A layer whose weight was found with the norm in it.

    Attributes:
        form: See `FoldLayerNorm`.
        refuted: Whether its bias is there and another one.
    """

    form: str
    sources: tuple[str, ...]
    targets: tuple[str, ...]
    refuted: bool = False


def propose(view: HypothesisView) -> Iterator[Proposal]:
    norms = list(_iter_norms(view))
    if not norms:
        return
    biases = BiasFinder(view)
    for gain, shift in norms:
        for dim in (1, 0):
            layers = find_folded_layers(view, biases, gain, shift, dim)
            if not layers:
                continue
            yield _propose_fold(gain, shift, layers, dim)
            break


def _propose_fold(gain: str, shift: str | None, layers: list[FoldedLayer], dim: int) -> Proposal:
    norm = (gain,) if shift is None else (gain, shift)
    sources: list[str] = list(norm)
    targets: list[str] = []
    for layer in layers:
        sources += layer.sources
        targets += layer.targets
    fold = FoldLayerNorm(tuple(layer.form for layer in layers), shift is not None, dim)
    return Proposal(
        tuple(sources),
        tuple(targets),
        (fold,),
        "norm-folded",
        named=any(layer.refuted for layer in layers),
        computed=True,
        evidence={"norm": gain},
    )


def _iter_norms(view: HypothesisView) -> Iterator[tuple[str, str | None]]:
    """Gain and shift of each layer norm without a partner; no shift where there is none."""
    for gain in view.x.list_remaining():
        if is_norm_gain(view.x, gain):
            shift = find_shift(view.x, gain, view.x.left)
            if shift or _NORM_NAME.search(_GAIN_NAME.sub("", gain)):
                yield gain, shift


def is_norm_gain(side: CheckpointSide, name: str) -> bool:
    """Whether it is called like the gain of a norm, [width], and belongs to no BatchNorm."""
    if len(side.shapes[name]) != 1 or not _GAIN_NAME.search(name):
        return False
    return f"{_GAIN_NAME.sub('', name)}.running_var" not in side.position


def find_shift(side: CheckpointSide, gain: str, names: Container[str]) -> str | None:
    """The shift beside that gain, among these names."""
    stem = _GAIN_NAME.sub("", gain)
    for ending in (".bias", ".beta", "_bias", "_beta"):
        name = stem + ending
        if name in names and side.shapes[name] == side.shapes[gain]:
            return name
    return None


def find_folded_layers(
    view: HypothesisView, biases: BiasFinder, gain: str, shift: str | None, dim: int
) -> list[FoldedLayer]:
    layers: list[FoldedLayer] = []
    taken: set[str] = set()
    gain_values = view.x.array(gain).astype(np.float64)
    shift_values = view.x.array(shift).astype(np.float64) if shift else None
    if shift_values is not None and not shift_values.any():
        shift_values = None
    for weight in _list_weights_behind(view, gain, dim):
        values = view.x.array(weight)
        spread = (1, -1) if dim == 1 else (-1, 1)
        product = (values.astype(np.float64) * gain_values.reshape(spread)).astype(values.dtype)
        target = _find_weight(view, weight, product, taken)
        if target is None:
            continue
        taken.add(target)
        if shift_values is None:
            layers.append(FoldedLayer("weight", (weight,), (target,)))
            continue
        added = (values.astype(np.float64) * shift_values.reshape(spread)).sum(dim)
        layer = biases.find(weight, target, added, taken)
        if layer is not None:
            taken.update(layer.targets)
            layers.append(layer)
    return layers


def _list_weights_behind(view: HypothesisView, gain: str, dim: int) -> list[str]:
    """Matrices as wide as the norm, those that share the most of its name first, then those that lie nearest."""
    width, place = view.x.shapes[gain][0], view.x.position[gain]
    weights = [
        name
        for name in view.x.list_remaining()
        if len(view.x.shapes[name]) == 2 and view.x.shapes[name][dim] == width
    ]
    weights.sort(
        key=lambda name: (-_count_shared_parts(name, gain), abs(view.x.position[name] - place))
    )
    return weights[:MAX_TRIED_LAYERS]


def _count_shared_parts(name: str, other: str) -> int:
    """Parts of two names that agree from the start."""
    count = 0
    for part, other_part in zip(name.split("."), other.split("."), strict=False):
        if part != other_part:
            break
        count += 1
    return count


def _find_weight(view: HypothesisView, weight: str, product: Array, taken: set[str]) -> str | None:
    named = [name for name in view.expected(weight) if view.y.sides(name) == view.x.sides(weight)]
    for target in dict.fromkeys((*named, *view.find_similar(product)[:MAX_SIMILAR])):
        if target not in taken and _is_explained(view, weight, product, target):
            return target
    return None


def _is_explained(view: HypothesisView, source: str, result: Array, target: str) -> bool:
    values = TensorValues(result, view.x.format(source))
    return explain_array(values, view.y.values(target), computed=True) is not None


class BiasFinder:
    """Finds the bias that a folded shift went into."""

    def __init__(self, view: HypothesisView) -> None:
        self.view = view
        self.layers_x, self.layers_y = LayerIndex(view.x), LayerIndex(view.y)

    def find(self, weight: str, target: str, added: Array, taken: set[str]) -> FoldedLayer | None:
        """The layer with its bias; None where nothing is there that could be the bias.

        Args:
            added: What the shift adds to the bias, [outputs].
        """
        view = self.view
        source = next(
            (
                name
                for name in self.layers_x.list_mates(weight)
                if name in view.x.left and view.x.shapes[name] == added.shape
            ),
            None,
        )
        form: str = "new-bias"
        sources: tuple[str, ...] = (weight,)
        expected = added.astype(view.x.array(weight).dtype)
        if source is not None:
            form, sources = "bias", (weight, source)
            bias = view.x.array(source)
            expected = (added + bias.astype(np.float64)).astype(bias.dtype)
        mates = [
            name
            for name in self.layers_y.list_mates(target)
            if name in view.y.left and view.y.size(name) == added.size
        ]
        for name in dict.fromkeys((*mates, *self._list_nearest(expected))):
            if name not in taken and _is_explained(view, sources[-1], expected, name):
                return FoldedLayer(form, sources, (target, name))
        if mates and mates[0] not in taken:
            return FoldedLayer(form, sources, (target, mates[0]), refuted=True)
        return None

    def _list_nearest(self, expected: Array) -> list[str]:
        """The vectors of that length on side y that lie nearest."""
        view = self.view
        names = [
            name
            for name in view.y.list_remaining()
            if view.y.sides(name) == (expected.size,) or view.y.shapes[name] == expected.shape
        ]
        distances = {
            name: float(np.abs(view.y.array(name).reshape(-1).astype(np.float64) - expected).max())
            for name in names
            if view.y.kinds[name] != "bool"
        }
        return sorted(distances, key=lambda name: distances[name])[:MAX_BIASES]
