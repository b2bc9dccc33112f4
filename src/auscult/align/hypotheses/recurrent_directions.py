"""Both directions of a recurrent layer in one tensor (ONNX), gates in any order: torch keeps each under a name of its own.

ONNX's W and R are [directions, gates * hidden, in], its B is [directions, 2 * gates * hidden]: both biases of a direction, one
after the other. The parts' bit patterns add up to the whole's, so that the tensors are found whatever they are called.
Source: the LSTM and GRU operators, https://github.com/onnx/onnx/blob/main/docs/Operators.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import permutations

from auscult.align.compare import exactly
from auscult.align.derived import Candidate, View
from auscult.recipe.op import Op
from auscult.recipe.ops.concat import Concat
from auscult.recipe.ops.reorder_blocks import ReorderBlocks
from auscult.recipe.ops.reshape import Reshape

PRIORITY = 27
BOTH_WAYS = True
BACKWARD = "_reverse"
_MASK = (1 << 64) - 1


def propose(view: View) -> Iterator[Candidate]:
    for sources, blocks in _layers(view):
        for target in _sums(view, sources):
            yield from _stacked(view, sources, blocks, target)


def _layers(view: View) -> Iterator[tuple[tuple[str, ...], int]]:
    """The parts of one tensor in order, and how many sets of gates they are: a weight of both directions, or four biases."""
    for name in view.x.remaining():
        back = name + BACKWARD
        if back not in view.x.left:
            continue
        if "weight_" in name:
            yield (name, back), 2
        elif "bias_ih" in name:
            parts = (
                name,
                name.replace("bias_ih", "bias_hh"),
                back,
                back.replace("bias_ih", "bias_hh"),
            )
            if all(part in view.x.left for part in parts):
                yield parts, 4


def _sums(view: View, sources: tuple[str, ...]) -> list[str]:
    prints = [view.x.prints[name] for name in sources]
    wanted = (
        sum(one.size for one in prints),
        sum(one.total for one in prints) & _MASK,
        view.x.kinds[sources[0]],
    )
    return [
        name
        for name in view.y.remaining()
        if (view.y.prints[name].size, view.y.prints[name].total, view.y.kinds[name]) == wanted
        and view.y.shapes[name][0] == 2
    ]


def _stacked(view: View, sources: tuple[str, ...], sets: int, target: str) -> Iterator[Candidate]:
    shapes = [view.x.shapes[name] for name in sources]
    side = shapes[0][0]
    if any(shape != shapes[0] for shape in shapes):
        return
    join = Concat(0, (side,) * len(sources))
    joined = join.apply([view.x.array(name) for name in sources])[0]
    whole, wanted = (side * len(sources), *shapes[0][1:]), view.y.array(target)
    for gates in (4, 3):
        for order in permutations(range(gates)) if side % gates == 0 else ():
            blocks = tuple(part * gates + gate for part in range(sets) for gate in order)
            moved = ReorderBlocks(0, blocks)
            if exactly(moved.apply([joined])[0].reshape(wanted.shape), wanted, alternatives=False):
                reorder: tuple[Op, ...] = (moved,) if order != tuple(range(gates)) else ()
                ops = (join, *reorder, Reshape(whole, wanted.shape))
                yield Candidate(
                    sources, (target,), ops, "gate-order", evidence={"order": list(order)}
                )
                return
