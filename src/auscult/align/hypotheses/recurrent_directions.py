"""Both directions of a recurrent layer in one tensor (ONNX), gates in any order: torch keeps each under a name of its own.

ONNX's W and R are [directions, gates * hidden, in], its B is [directions, 2 * gates * hidden]: both biases of a direction, one
after the other. The parts' bit patterns add up to the whole's, so that the tensors are found whatever they are called.
Source: the LSTM and GRU operators, https://github.com/onnx/onnx/blob/main/docs/Operators.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import permutations

from auscult.align.compare import find_exact_move
from auscult.align.derived import HypothesisView, Proposal
from auscult.recipe.op import Op
from auscult.recipe.ops.concat import Concat
from auscult.recipe.ops.reorder_blocks import ReorderBlocks
from auscult.recipe.ops.reshape import Reshape

PRIORITY = 27
BOTH_WAYS = True
REVERSE_SUFFIX = "_reverse"
_UINT64_MASK = (1 << 64) - 1


def propose(view: HypothesisView) -> Iterator[Proposal]:
    for sources, set_count in _iter_layers(view):
        for target in _find_equal_sums(view, sources):
            yield from _propose_stacks(view, sources, set_count, target)


def _iter_layers(view: HypothesisView) -> Iterator[tuple[tuple[str, ...], int]]:
    """The parts of one tensor in order, and how many sets of gates they are: a weight of both directions, or four biases."""
    for name in view.x.list_remaining():
        reverse_name = name + REVERSE_SUFFIX
        if reverse_name not in view.x.left:
            continue
        if "weight_" in name:
            yield (name, reverse_name), 2
        elif "bias_ih" in name:
            parts = (
                name,
                name.replace("bias_ih", "bias_hh"),
                reverse_name,
                reverse_name.replace("bias_ih", "bias_hh"),
            )
            if all(part in view.x.left for part in parts):
                yield parts, 4


def _find_equal_sums(view: HypothesisView, sources: tuple[str, ...]) -> list[str]:
    fingerprints = [view.x.fingerprints[name] for name in sources]
    content_key = (
        sum(fingerprint.size for fingerprint in fingerprints),
        sum(fingerprint.total for fingerprint in fingerprints) & _UINT64_MASK,
        view.x.kinds[sources[0]],
    )
    return [
        name
        for name in view.y.list_remaining()
        if (view.y.fingerprints[name].size, view.y.fingerprints[name].total, view.y.kinds[name])
        == content_key
        and view.y.shapes[name][0] == 2
    ]


def _propose_stacks(
    view: HypothesisView, sources: tuple[str, ...], set_count: int, target: str
) -> Iterator[Proposal]:
    shapes = [view.x.shapes[name] for name in sources]
    gate_rows = shapes[0][0]
    if any(shape != shapes[0] for shape in shapes):
        return
    join = Concat(0, (gate_rows,) * len(sources))
    joined = join.apply([view.x.array(name) for name in sources])[0]
    joined_shape, target_values = (gate_rows * len(sources), *shapes[0][1:]), view.y.array(target)
    for gates in (4, 3):
        if gate_rows % gates:
            continue
        for order in permutations(range(gates)):
            blocks = tuple(part * gates + gate for part in range(set_count) for gate in order)
            reorder_op = ReorderBlocks(0, blocks)
            if find_exact_move(
                reorder_op.apply([joined])[0].reshape(target_values.shape),
                target_values,
                alternatives=False,
            ):
                reorder_ops: tuple[Op, ...] = (reorder_op,) if order != tuple(range(gates)) else ()
                ops = (join, *reorder_ops, Reshape(joined_shape, target_values.shape))
                yield Proposal(
                    sources, (target,), ops, "gate-order", evidence={"order": list(order)}
                )
                return
