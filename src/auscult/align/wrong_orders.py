"""Orders that no convention explains: gates that lie otherwise than both sides' frameworks have them, and wrong axes.

Another order is another convention as long as some framework stores the tensor so. It is a fault where the names say which
frameworks the two sides are of and the order found is not the one that leads from the one to the other, and where one layer
of a row is rearranged and its siblings under the same names are not. Of axes, see `wrong_axes.py`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace

from auscult.align.records import Match
from auscult.align.side import CheckpointSide
from auscult.align.wrong_axes import find_wrong_axes
from auscult.facts.gates import ONNX_GATES, get_gates_by_name
from auscult.facts.words import split_indices
from auscult.recipe.ops.deinterleave import Deinterleave
from auscult.recipe.ops.flip import Flip
from auscult.recipe.ops.interleave import Interleave
from auscult.recipe.ops.reorder_blocks import ReorderBlocks
from auscult.verdict import Equality

ONNX_FORMATS = frozenset(("onnx", "ort"))
REARRANGEMENTS = (ReorderBlocks, Interleave, Deinterleave, Flip)
SET_COUNTS = (1, 2, 4)
"""Sets of gates in one tensor: both directions, two biases, or both."""


def mark_wrong_orders(
    matches: Iterable[Match], a: CheckpointSide, b: CheckpointSide
) -> list[Match]:
    """The matches, those marked as a fault whose gates or axes lie in an order that no convention explains."""
    matches = list(matches)
    stray = find_wrong_axes(matches, a, b) | _find_stray_rearrangements(matches)
    return [
        replace(match, fault=True) if id(match) in stray or _has_wrong_gates(match, a, b) else match
        for match in matches
    ]


def _find_stray_rearrangements(matches: Sequence[Match]) -> frozenset[int]:
    """Tensors with blocks or heads in another order, by `id`, among siblings of a row that stand as they are."""
    if not any(_is_rearranged(match) for match in matches):
        return frozenset()
    rows: dict[str, list[Match]] = defaultdict(list)
    for match in matches:
        if len(match.a) == len(match.b) == 1 and match.equality is not Equality.DIFFERENT:
            labels = [split_indices(name)[0] for name in (*match.a, *match.b)]
            label = next((label for label in labels if label.count("*") and "." in label), None)
            if label is not None:
                rows[label].append(match)
    result: set[int] = set()
    for row in rows.values():
        rearranged = [match for match in row if _is_rearranged(match)]
        if 0 < len(rearranged) < len(row):
            result.update(map(id, rearranged))
    return frozenset(result)


def _is_rearranged(match: Match) -> bool:
    return any(isinstance(op, REARRANGEMENTS) for op in match.ops)


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
