"""A recurrent layer's two biases against one: their sum (MLX, Keras), or both in one tensor (ONNX), gates in any order."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import permutations

from auscult.align.derived import HypothesisView, Proposal
from auscult.align.rearrange import find_rearrangements
from auscult.recipe.op import Op
from auscult.recipe.ops.concat import Concat
from auscult.recipe.ops.reorder_blocks import ReorderBlocks
from auscult.recipe.ops.sum import Sum

PRIORITY = 28
BOTH_WAYS = True
REVERSE_SUFFIX = "_reverse"
_UINT64_MASK = (1 << 64) - 1


def propose(view: HypothesisView) -> Iterator[Proposal]:
    for input_bias, hidden_bias in _iter_bias_pairs(view):
        yield from _propose_sums(view, input_bias, hidden_bias)
        yield from _propose_joins(view, input_bias, hidden_bias)


def _iter_bias_pairs(view: HypothesisView) -> Iterator[tuple[str, str]]:
    """(input bias, hidden bias) of each recurrent layer, both without a partner."""
    for name in view.x.list_remaining():
        for input_part, hidden_part in (("bias_ih", "bias_hh"), ("b_ih", "b_hh")):
            hidden_name = name.replace(input_part, hidden_part)
            if (
                hidden_name != name
                and hidden_name in view.x.left
                and view.x.shapes[hidden_name] == view.x.shapes[name]
            ):
                yield name, hidden_name
                break


def _propose_sums(view: HypothesisView, input_bias: str, hidden_bias: str) -> Iterator[Proposal]:
    total = Sum(2).apply([view.x.array(input_bias), view.x.array(hidden_bias)])[0]
    nearby_names = [
        name
        for name in view.y.list_remaining()
        if _is_in_same_module(view, input_bias, name)
        and view.y.sides(name) == view.x.sides(input_bias)
    ]
    for target in dict.fromkeys([*nearby_names, *view.find_similar(total)]):
        if lies_in_other_direction(view, input_bias, target):
            continue
        orders: Iterator[tuple[Op, ...]] = iter(
            [(), *find_rearrangements(total, view.y.array(target))]
        )
        for ops in orders:
            yield Proposal(
                (input_bias, hidden_bias), (target,), (Sum(2), *ops), "gate-order", computed=True
            )


def lies_in_other_direction(view: HypothesisView, bias: str, target: str) -> bool:
    """Whether the target lies in the other direction than the layer's weight does, or, without it, than the bias is called."""
    stem = target.removesuffix(REVERSE_SUFFIX)
    if not (stem in view.y.position and stem + REVERSE_SUFFIX in view.y.position):
        return False
    weight = view.partner(re.sub(r"bias(?=_ih)", "weight", bias))
    return (weight or bias).endswith(REVERSE_SUFFIX) != target.endswith(REVERSE_SUFFIX)


def _is_in_same_module(view: HypothesisView, source: str, target: str) -> bool:
    """Whether `target` lies in what the source's module is called on side y."""
    module = source.rpartition(".")[0]
    return any(target.rpartition(".")[0] == name for name in view.translate_name(module))


def _propose_joins(view: HypothesisView, input_bias: str, hidden_bias: str) -> Iterator[Proposal]:
    fingerprints = view.x.fingerprints[input_bias], view.x.fingerprints[hidden_bias]
    size, total = (
        fingerprints[0].size * 2,
        (fingerprints[0].total + fingerprints[1].total) & _UINT64_MASK,
    )
    for target in view.y.list_remaining():
        fingerprint = view.y.fingerprints[target]
        if (fingerprint.size, fingerprint.total, view.y.kinds[target]) == (
            size,
            total,
            view.x.kinds[input_bias],
        ):
            join = Concat(0, (fingerprints[0].size, fingerprints[1].size))
            for ops in _iter_gate_orders(fingerprints[0].size):
                yield Proposal((input_bias, hidden_bias), (target,), (join, *ops), "gate-order")


def _iter_gate_orders(length: int) -> Iterator[tuple[Op, ...]]:
    yield ()
    for count in (4, 3):
        if length % count == 0:
            for order in permutations(range(count)):
                yield (ReorderBlocks(0, (*order, *(count + gate for gate in order))),)
