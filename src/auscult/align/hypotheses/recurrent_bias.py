"""A recurrent layer's two biases against one: their sum (MLX, Keras), or both in one tensor (ONNX), gates in any order."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import permutations

from auscult.align.derived import Candidate, View
from auscult.align.rearrange import rearranged
from auscult.recipe.op import Op
from auscult.recipe.ops.concat import Concat
from auscult.recipe.ops.reorder_blocks import ReorderBlocks
from auscult.recipe.ops.sum import Sum

PRIORITY = 28
BOTH_WAYS = True
_MASK = (1 << 64) - 1


def propose(view: View) -> Iterator[Candidate]:
    for first, second in _pairs(view):
        yield from _summed(view, first, second)
        yield from _joined(view, first, second)


def _pairs(view: View) -> Iterator[tuple[str, str]]:
    """(input bias, hidden bias) of each recurrent layer, both without a partner."""
    for name in view.x.remaining():
        for input_, hidden in (("bias_ih", "bias_hh"), ("b_ih", "b_hh")):
            other = name.replace(input_, hidden)
            if (
                other != name
                and other in view.x.left
                and view.x.shapes[other] == view.x.shapes[name]
            ):
                yield name, other
                break


def _summed(view: View, first: str, second: str) -> Iterator[Candidate]:
    total = Sum(2).apply([view.x.array(first), view.x.array(second)])[0]
    near = [
        name
        for name in view.y.remaining()
        if _close_by(view, first, name) and view.y.sides(name) == view.x.sides(first)
    ]
    for target in dict.fromkeys([*near, *view.similar(total)]):
        orders: Iterator[tuple[Op, ...]] = iter([(), *rearranged(total, view.y.array(target))])
        for ops in orders:
            yield Candidate((first, second), (target,), (Sum(2), *ops), "gate-order", computed=True)


def _close_by(view: View, source: str, target: str) -> bool:
    """Whether `target` lies in what the source's module is called on side y."""
    module = source.rpartition(".")[0]
    return any(target.rpartition(".")[0] == name for name in view.translated(module))


def _joined(view: View, first: str, second: str) -> Iterator[Candidate]:
    prints = view.x.prints[first], view.x.prints[second]
    size, total = prints[0].size * 2, (prints[0].total + prints[1].total) & _MASK
    for target in view.y.remaining():
        found = view.y.prints[target]
        if (found.size, found.total, view.y.kinds[target]) == (size, total, view.x.kinds[first]):
            join = Concat(0, (prints[0].size, prints[1].size))
            for ops in _gate_orders(prints[0].size):
                yield Candidate((first, second), (target,), (join, *ops), "gate-order")


def _gate_orders(side: int) -> Iterator[tuple[Op, ...]]:
    yield ()
    for count in (4, 3):
        if side % count == 0:
            for order in permutations(range(count)):
                yield (ReorderBlocks(0, (*order, *(count + gate for gate in order))),)
