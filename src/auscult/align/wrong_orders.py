"""Orders that no convention explains: gates that lie otherwise than both sides' frameworks have them, and wrong axes.

Another order is another convention as long as some framework stores the tensor so. It is a fault where the names say which
frameworks the two sides are of and the order found is not the one that leads from the one to the other. Of axes, see
`wrong_axes.py`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from auscult.align.records import Match
from auscult.align.side import CheckpointSide
from auscult.align.wrong_axes import find_wrong_axes
from auscult.facts.gates import ONNX_GATES, get_gates_by_name
from auscult.recipe.ops.reorder_blocks import ReorderBlocks
from auscult.verdict import Equality

ONNX_FORMATS = frozenset(("onnx", "ort"))
SET_COUNTS = (1, 2, 4)
"""Sets of gates in one tensor: both directions, two biases, or both."""


def mark_wrong_orders(
    matches: Iterable[Match], a: CheckpointSide, b: CheckpointSide
) -> list[Match]:
    """The matches, those marked as a fault whose gates or axes lie in an order that no convention explains."""
    matches = list(matches)
    stray = find_wrong_axes(matches, a, b)
    return [
        replace(match, fault=True) if id(match) in stray or _has_wrong_gates(match, a, b) else match
        for match in matches
    ]


def _has_wrong_gates(match: Match, a: CheckpointSide, b: CheckpointSide) -> bool:
    """Whether the order of the gates is not the one that leads from the source's framework to the target's."""
    orders = [op.order for op in match.ops if isinstance(op, ReorderBlocks)]
    if match.cause != "gate-order" or match.equality is Equality.DIFFERENT or len(orders) != 1:
        return False
    order, sources, targets = orders[0], match.a, match.b
    if order == (1, 0):  # halves exchanged
        order = (2, 3, 0, 1)
    if match.backward:
        (sources, a), (targets, b) = (targets, b), (sources, a)
    for count in (4, 3):
        set_count, rest = divmod(len(order), count)
        if rest or set_count not in SET_COUNTS:
            continue
        source_gates = _get_gates(a, sources[0], count)
        target_gates = _get_gates(b, targets[0], count)
        if source_gates is not None and target_gates is not None:
            first = [source_gates.index(gate) for gate in target_gates]
            return list(order) != [
                start * count + gate for start in range(set_count) for gate in first
            ]
    return False


def _get_gates(side: CheckpointSide, name: str, count: int) -> str | None:
    shape = side.shapes[name]
    is_operand = len(shape) == 3 or (len(shape) == 2 and shape[0] in (1, 2))
    if side.checkpoint.format in ONNX_FORMATS and is_operand:
        return ONNX_GATES.get(count)
    return get_gates_by_name(name, count)
