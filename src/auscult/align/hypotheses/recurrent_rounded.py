"""A recurrent layer's tensors after rounding or quantisation: gates in another order, both directions or both biases in one.

Where every bit is kept, `recurrent_directions` and `recurrent_bias` find them by sums of bit patterns. Rounded values have no
such sums: here each order of the gates is held against a sample of the target, and the best ones are compared in full.
Layouts: ONNX's W and R are [directions, gates * hidden, in] and its B [directions, 2 * gates * hidden]; DynamicQuantizeLSTM
keeps [directions, in, gates * hidden]; Core ML keeps each direction under a name of its own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import permutations

import numpy as np

from auscult.align.compare import measure_sample_error
from auscult.align.derived import HypothesisView, Proposal
from auscult.align.lossy import is_identifying
from auscult.align.moves import list_moves, sample_places
from auscult.recipe.op import Op
from auscult.recipe.ops.concat import Concat
from auscult.recipe.ops.reorder_blocks import ReorderBlocks
from auscult.recipe.ops.reshape import Reshape
from auscult.weights import Array, Shape

PRIORITY = 29
BOTH_WAYS = True
REVERSE_SUFFIX = "_reverse"
GATE_COUNTS = (4, 3)
MAX_ORDERS = 2
"""Orders of the gates that are compared in full."""
MAX_SAMPLE_ERROR = 0.9
"""Relative error of a sample above which an order is not looked at: 2-bit codes move a weight by 0.4 of its size, unrelated
weights lie 1.4 apart. Chosen, not measured."""
_INPUT_PART = re.compile(r"(weight|bias)_(ih|hh)(_l\d+)?$")


@dataclass(frozen=True)
class JoinedParts:
    """Tensors of one layer that lie in one tensor on the other side.

    Attributes:
        sources: In the order in which they are joined along the first axis.
        sets: How many sets of gates follow one another.
        shape: Of the joined tensor with the sets of each direction on an axis of their own.
    """

    sources: tuple[str, ...]
    sets: int
    shape: Shape


def propose(view: HypothesisView) -> Iterator[Proposal]:
    for parts in tuple(_iter_parts(view)):
        if all(name in view.x.left for name in parts.sources):
            yield from _propose_targets(view, parts)


def _iter_parts(view: HypothesisView) -> Iterator[JoinedParts]:
    """What may be one tensor on the other side, both directions first."""
    for name in view.x.list_remaining():
        found = _INPUT_PART.search(name)
        if found is None or not view.x.shapes[name]:
            continue
        reverse_name = name + REVERSE_SUFFIX
        if found.group(1) == "weight":
            yield from _iter_weights(view, name, reverse_name)
        elif found.group(2) == "ih":
            yield from _iter_biases(view, name, reverse_name)


def _iter_weights(view: HypothesisView, name: str, reverse_name: str) -> Iterator[JoinedParts]:
    shape = view.x.shapes[name]
    has_reverse = view.x.shapes.get(reverse_name) == shape
    if has_reverse:
        yield JoinedParts((name, reverse_name), 2, (2, *shape))
        yield JoinedParts((reverse_name,), 1, (1, *shape))
    yield JoinedParts((name,), 1, (1, *shape))


def _iter_biases(view: HypothesisView, name: str, reverse_name: str) -> Iterator[JoinedParts]:
    names = [
        *(name, name.replace("bias_ih", "bias_hh")),
        *(reverse_name, reverse_name.replace("bias_ih", "bias_hh")),
    ]
    rows = view.x.shapes[name][0]
    for count in (4, 2):
        if all(view.x.shapes.get(part) == (rows,) for part in names[:count]):
            yield JoinedParts(tuple(names[:count]), count, (count // 2, 2 * rows))


def _propose_targets(view: HypothesisView, parts: JoinedParts) -> Iterator[Proposal]:
    size = sum(view.x.size(name) for name in parts.sources)
    arrays: list[Array] = []
    for target in view.y.list_remaining():
        if view.y.size(target) != size or not is_identifying(view.y, target):
            continue
        moves = list_moves(parts.shape, view.y.shapes[target])
        if not moves or any(move.flat for move in moves):
            continue
        arrays = arrays or [view.x.array(name) for name in parts.sources]
        for order in _rank_orders(arrays, parts, view.y.array(target)):
            yield Proposal(
                parts.sources,
                (target,),
                _list_ops(arrays, parts, order),
                "gate-order",
                evidence={"order": list(order)},
            )


def _rank_orders(arrays: list[Array], parts: JoinedParts, target: Array) -> list[tuple[int, ...]]:
    """The orders of the gates under which a sample of the target is not unrelated, the nearest first."""
    rows = arrays[0].shape[0]
    joined = np.concatenate([array.reshape(rows, -1) for array in arrays])
    places = np.arange(joined.size).reshape(parts.shape)
    sample_index = sample_places(target.shape)
    sample = target[sample_index]
    ranked = []
    for move in list_moves(parts.shape, target.shape):
        origins = move.view(places)[sample_index]
        for gates in GATE_COUNTS:
            if rows % gates == 0:
                for order in permutations(range(gates)):
                    values = _take_reordered(joined, origins, rows, np.array(order))
                    ranked.append((measure_sample_error(values, sample), order))
    likely = sorted(entry for entry in ranked if entry[0] <= MAX_SAMPLE_ERROR)
    return list(dict.fromkeys(order for _, order in likely))[:MAX_ORDERS]


def _take_reordered(joined: Array, origins: Array, set_rows: int, order: Array) -> Array:
    """Values of the joined tensor at flat places, after the gates of each of its sets were put in that order."""
    rows, columns = origins // joined.shape[1], origins % joined.shape[1]
    width, within = set_rows // len(order), rows % set_rows
    source_rows = rows - within + order[within // width] * width + within % width
    return np.asarray(joined[source_rows, columns])


def _list_ops(arrays: list[Array], parts: JoinedParts, order: tuple[int, ...]) -> tuple[Op, ...]:
    rows, rest = arrays[0].shape[0], arrays[0].shape[1:]
    ops: list[Op] = []
    if len(arrays) > 1:
        ops.append(Concat(0, (rows,) * len(arrays)))
    if order != tuple(range(len(order))):
        starts = np.arange(parts.sets)[:, None] * len(order)
        ops.append(ReorderBlocks(0, tuple((starts + np.array(order)).reshape(-1).tolist())))
    joined_shape = (rows * len(arrays), *rest)
    if len(arrays) > 1 and parts.shape != joined_shape:
        ops.append(Reshape(joined_shape, parts.shape))
    return tuple(ops)
