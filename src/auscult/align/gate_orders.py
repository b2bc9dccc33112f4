"""A recurrent layer's tensors whose gates lie in different orders: never right, whatever the convention.

Biases are held against the weights of their layer, and the two weights against each other.
"""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np

from auscult.align.ledger import Ledger
from auscult.align.records import Match
from auscult.recipe.ops.reorder_blocks import ReorderBlocks
from auscult.verdict import Equality

MIN_CHANGE = 0.1
"""Relative change of the bias from which its order counts: gates whose biases are alike can be in any. Chosen, not measured."""
_PART = re.compile(r"^(.*?)(weight|bias)_(ih|hh)(_l\d+)?(_reverse)?$")
GateOrder = tuple[int, ...]


def mark_crossed_gates(ledger: Ledger, matches: list[Match]) -> list[Match]:
    """Call a tensor a fault where the gates of its layer's other tensors were found in another order."""
    matches = _mark_disagreeing_weights(matches)
    orders: dict[str, GateOrder] = {}
    for match in matches:
        layer = _find_layer(match, "weight")
        order = None if layer is None else _find_order(match)
        if layer is not None and order is not None:
            orders.setdefault(layer, order)
    if not orders:
        return matches
    return [_mark_bias(ledger, match, orders) for match in matches]


def _mark_disagreeing_weights(matches: list[Match]) -> list[Match]:
    """Of the two weights of a layer in different orders, the one that was moved; both where both were."""
    indices_by_layer: dict[str, list[int]] = {}
    for index, match in enumerate(matches):
        layer = _find_layer(match, "weight")
        if layer is not None and _find_order(match) is not None:
            indices_by_layer.setdefault(layer, []).append(index)
    result = list(matches)
    for indices in indices_by_layer.values():
        orders = {index: _find_order(matches[index]) or () for index in indices}
        gates = max(map(len, orders.values()))
        complete = {index: _complete_order(order, gates) for index, order in orders.items()}
        if len(set(complete.values())) > 1:
            for index, order in complete.items():
                if order != tuple(range(gates)):
                    result[index] = _mark_order(matches[index], order)
    return result


def _mark_order(match: Match, order: GateOrder) -> Match:
    evidence = {**match.evidence, "order": list(order)}
    return replace(match, fault=True, cause="gate-order", evidence=evidence)


def _find_layer(match: Match, part: str) -> str | None:
    """The torch name of the layer whose weights or biases these are."""
    for name in dict.fromkeys((match.a[0], match.b[0])):
        found = _PART.match(name)
        if found and found.group(2) == part and match.equality is not Equality.DIFFERENT:
            return found.group(1) + (found.group(4) or "")
    return None


def _find_order(match: Match) -> GateOrder | None:
    """The gates of the other side in those of torch's; () where nothing was moved; None where it cannot be told."""
    if "order" in match.evidence:
        return tuple(match.evidence["order"])
    if any(op.op in {"split", "parallel"} for op in match.ops):
        return None
    reorder = next((op for op in match.ops if isinstance(op, ReorderBlocks)), None)
    if reorder is None:
        return ()
    order = reorder.order[: len(reorder.order) // _count_sets(match)]
    is_from_torch = bool(_PART.match(match.a[0])) != match.backward
    return order if is_from_torch else tuple(int(place) for place in np.argsort(order))


def _count_sets(match: Match) -> int:
    """How many sets of gates follow one another: sums make one set of two tensors."""
    names = match.a if _PART.match(match.a[0]) else match.b
    sums = sum(op.op == "sum" for op in match.ops)
    return max(1, len(names) // (1 + sums))


def _mark_bias(ledger: Ledger, match: Match, orders: dict[str, GateOrder]) -> Match:
    layer = _find_layer(match, "bias")
    found, expected = _find_order(match), orders.get(layer or "")
    if layer is None or found is None or expected is None or match.fault:
        return match
    gates = max(len(found), len(expected))
    if gates < 2:
        return match
    found, expected = _complete_order(found, gates), _complete_order(expected, gates)
    if found == expected or not _is_changed(ledger, match, found, expected):
        return match
    evidence = {**match.evidence, "order": list(found), "weights_order": list(expected)}
    return replace(match, fault=True, cause="gate-order", evidence=evidence)


def _complete_order(order: GateOrder, gates: int) -> GateOrder:
    """The order in as many gates: halves exchanged are (2, 3, 0, 1) of four, and a GRU's new gate has two biases."""
    if order and gates % len(order) == 0:
        width = gates // len(order)
        return tuple(block * width + place for block in order for place in range(width))
    return (*order, *range(len(order), gates))


def _is_changed(ledger: Ledger, match: Match, found: GateOrder, expected: GateOrder) -> bool:
    """Whether the bias would be another one in the order of the weights."""
    is_torch_first = bool(_PART.match(match.a[0]))
    torch, other = (ledger.a, ledger.b) if is_torch_first else (ledger.b, ledger.a)
    torch_name, name = (match.a[0], match.b[0]) if is_torch_first else (match.b[0], match.a[0])
    values = other.array(name).reshape(-1).astype(np.float64)
    rows, gates = torch.size(torch_name), len(found)
    if values.size % rows:  # a GRU's four parts for three gates
        gates = 3
    if rows % gates or values.size % (rows // gates * len(found)):
        return False
    blocks = values.reshape(-1, len(found), rows // gates)
    moved = blocks[:, np.argsort(found)][:, list(expected)]
    return float(np.linalg.norm(moved - blocks)) > MIN_CHANGE * float(np.linalg.norm(blocks))
