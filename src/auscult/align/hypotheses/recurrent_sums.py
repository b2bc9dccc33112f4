"""A recurrent layer's input and hidden biases as runtimes keep them: added up, for both directions in one tensor, in a GRU's
four parts, or with a GRU's last part in a tensor of its own.

A GRU that applies the reset gate to the hidden product needs both biases of its new gate, and their sums for the other two: r, z,
new of the input, new of the hidden state. OpenVINO keeps [directions, 4 * hidden] with z before r, ncnn [4, hidden] with r before
z. MLX keeps r, z and new of the input in one tensor, new of the hidden state in another. For an LSTM OpenVINO keeps the sums of both
directions in [directions, 4 * hidden], ncnn those of each direction.
Sources: GRUSequence and LSTMSequence, https://docs.openvino.ai/2026/documentation/openvino-ir-format/operation-sets.html; GRU and
LSTM, https://github.com/Tencent/ncnn/blob/master/docs/developer-guide/operators.md.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import permutations

import numpy as np

from auscult.align.derived import HypothesisView, Proposal
from auscult.align.hypotheses.recurrent_bias import REVERSE_SUFFIX, lies_in_other_direction
from auscult.align.lossy import is_identifying
from auscult.align.moves import list_moves
from auscult.recipe.op import Op
from auscult.recipe.ops.concat import Concat
from auscult.recipe.ops.parallel import Parallel
from auscult.recipe.ops.reorder_blocks import ReorderBlocks
from auscult.recipe.ops.reshape import Reshape
from auscult.recipe.ops.route import Route
from auscult.recipe.ops.split import Split
from auscult.recipe.ops.sum import Sum
from auscult.recipe.recurrent import build_gru_bias_operations
from auscult.weights import Array

PRIORITY = 31
BOTH_WAYS = True
MAX_ERROR = 0.1
"""Relative error of the whole vector above which an order of gates is not proposed: rounding to eight bits moves a vector by less,
an exchange of two gates by more. Chosen, not measured."""
_INPUT_BIAS = re.compile(r"(^|[._])(bias|b)_ih(_l\d+)?$")
_GRU_ORDERS = ((0, 1, 2, 3), (1, 0, 2, 3))
"""Orders of r, z, and the two biases of the new gate: both biases of the new gate are last everywhere."""


def propose(view: HypothesisView) -> Iterator[Proposal]:
    for name in view.x.list_remaining():
        if _INPUT_BIAS.search(name):
            yield from _propose_layer(view, name)


def _propose_layer(view: HypothesisView, input_bias: str) -> Iterator[Proposal]:
    """Both directions in one tensor, then each in its own."""
    shape = view.x.shapes[input_bias]
    names = [
        part
        for name in (input_bias, input_bias + REVERSE_SUFFIX)
        for part in (name, name.replace("b_ih", "b_hh").replace("bias_ih", "bias_hh"))
    ]
    for sources in (names, names[:2], names[2:]):
        if len(shape) != 1 or any(view.x.shapes.get(name) != shape for name in sources):
            continue
        yield from _propose_sums(view, tuple(sources), shape[0])
        if shape[0] % 3 == 0:
            yield from _propose_four_parts(view, tuple(sources), shape[0] // 3)
            if len(sources) == 2:
                yield from _propose_last_part_apart(view, tuple(sources), shape[0] // 3)


def _propose_sums(view: HypothesisView, sources: tuple[str, ...], rows: int) -> Iterator[Proposal]:
    """b_ih + b_hh of each direction, [directions * rows], in every order of gates."""
    directions = len(sources) // 2
    ops: tuple[Op, ...] = (Parallel(((2, 1, (Sum(2),)),) * directions),)
    if directions == 1:
        ops = (Sum(2),)
    else:
        ops = (*ops, Concat(0, (rows,) * directions))
    orders: list[tuple[int, ...]] = [(0,)]
    for gates in (4, 3):
        if rows % gates == 0:
            orders += permutations(range(gates))
    yield from _propose_targets(view, sources, ops, rows, orders)


def _propose_four_parts(
    view: HypothesisView, sources: tuple[str, ...], hidden: int
) -> Iterator[Proposal]:
    """r and z of both biases added, and the new gate's two as they are, [directions * 4 * hidden]."""
    directions = len(sources) // 2
    split = Split(0, (2 * hidden, hidden))
    ops: tuple[Op, ...] = (
        Parallel(((1, 2, (split,)),) * 2),
        Route((0, 2, 1, 3)),
        Parallel(((2, 1, (Sum(2),)), (2, 2, ()))),
        Concat(0, (2 * hidden, hidden, hidden)),
    )
    if directions == 2:
        ops = (Parallel(((2, 1, ops),) * 2), Concat(0, (4 * hidden,) * 2))
    yield from _propose_targets(view, sources, ops, 4 * hidden, _GRU_ORDERS)


def _propose_last_part_apart(
    view: HypothesisView, sources: tuple[str, ...], hidden: int
) -> Iterator[Proposal]:
    """r, z and new of the input [3 * hidden], and new of the hidden state [hidden], two tensors of one module."""
    remaining = [
        name for name in view.y.list_remaining() if view.y.size(name) in (hidden, 3 * hidden)
    ]
    pairs = [
        (first, last)
        for first in remaining
        for last in remaining
        if (view.y.size(first), view.y.size(last)) == (3 * hidden, hidden)
        and first.rpartition(".")[0] == last.rpartition(".")[0]
        and is_identifying(view.y, first)
        and not lies_in_other_direction(view, sources[0], first)
    ]
    if not pairs:
        return
    ops = build_gru_bias_operations(hidden)
    arrays = [view.x.array(name) for name in sources]
    for op in ops:
        arrays = op.apply(arrays)
    for targets in pairs:
        is_near = all(
            _find_nearest_order(array, view.y.array(name).reshape(-1), len(array), [(0,)])
            for array, name in zip(arrays, targets, strict=True)
        )
        if is_near and all(
            view.y.shapes[name] == array.shape for name, array in zip(targets, arrays, strict=True)
        ):
            yield Proposal(sources, targets, ops, "gate-order", computed=True)


def _propose_targets(
    view: HypothesisView,
    sources: tuple[str, ...],
    ops: tuple[Op, ...],
    rows: int,
    orders: Sequence[tuple[int, ...]],
) -> Iterator[Proposal]:
    """The nearest order of gates for each vector of that length.

    Args:
        ops: Give the whole vector, [directions * rows].
        orders: Of the blocks of each direction.
    """
    whole: Array | None = None
    directions = len(sources) // 2
    for target in view.y.list_remaining():
        shape = view.y.shapes[target]
        if view.y.size(target) != directions * rows or not is_identifying(view.y, target):
            continue
        if whole is None:
            whole = _apply(ops, [view.x.array(name) for name in sources])
        order = _find_nearest_order(whole, view.y.array(target).reshape(-1), rows, orders)
        if order is None or any(name not in view.x.left for name in sources):
            continue
        if directions == 1 and lies_in_other_direction(view, sources[0], target):
            continue
        steps: list[Op] = [*ops]
        if order != tuple(range(len(order))):
            steps.append(ReorderBlocks(0, _repeat_order(order, directions)))
        if not list_moves(whole.shape, shape):
            steps.append(Reshape(whole.shape, shape))
        yield Proposal(
            sources,
            (target,),
            tuple(steps),
            "gate-order",
            computed=True,
            evidence={"order": list(order)},
        )


def _apply(ops: tuple[Op, ...], arrays: list[Array]) -> Array:
    for op in ops:
        arrays = op.apply(arrays)
    return arrays[0]


def _repeat_order(order: tuple[int, ...], directions: int) -> tuple[int, ...]:
    """The same order of blocks in each direction."""
    return tuple(
        direction * len(order) + block for direction in range(directions) for block in order
    )


def _find_nearest_order(
    whole: Array,
    target: Array,
    rows: int,
    orders: Sequence[tuple[int, ...]],
) -> tuple[int, ...] | None:
    wide, expected = whole.astype(np.float64), target.astype(np.float64)
    norm = float(np.linalg.norm(expected))
    best: tuple[float, tuple[int, ...]] | None = None
    for order in orders:
        blocks = wide.reshape(len(wide) // rows, len(order), -1)[:, list(order)]
        error = float(np.linalg.norm(blocks.reshape(-1) - expected))
        if error <= MAX_ERROR * norm and (best is None or error < best[0]):
            best = error, order
    return None if best is None else best[1]
