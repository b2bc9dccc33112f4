"""LoRA factors beside their base weight on one side, merged into it on the other: w' = w + scale · B·A."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

import numpy as np

from auscult.align.derived import HypothesisView, Proposal
from auscult.align.moves import list_moves
from auscult.checkpoint.adapter import find_lora_scale
from auscult.recipe.ops.merge_lora import LORA_ORDERS, LoraOrder, MergeLora, order_factors
from auscult.weights import Array

MAX_SCALE_ERROR = 1e-3
"""Relative difference of two factors that rounding of the merged weight may leave. Chosen, not measured."""
MAX_PREFIX_PARTS = 3
"""Parts before a factor's name that its base may lack: `base_model.model.` of PEFT, one more of a wrapper. Chosen, not measured."""
PRIORITY = 25
BOTH_WAYS = True

_FACTOR_NAME = re.compile(
    r"^(?P<stem>.*?)[._]?lora_?(?:embedding_)?(?P<part>A|B|a|b|down|up)(?P<rest>(\.[\w-]+)*)$"
)
_DOWN_PARTS = {"A", "a", "down"}
_BASE_NAMES = (
    "{}.weight",
    "{}.base_layer.weight",
    "{}.original_layer.weight",
    "{}.linear.weight",
    "{}.original.weight",
    "{}",
)


def propose(view: HypothesisView) -> Iterator[Proposal]:
    for stem, down, up in _iter_open_factors(view):
        for base, module in _iter_bases(view, stem):
            for target in _iter_targets(view, base, module):
                yield from _propose_merges(view, base, down, up, target)


def _iter_bases(view: HypothesisView, stem: str) -> Iterator[tuple[str, str]]:
    """(weight, its module) that an update may belong to; what PEFT and Lightning put before the names is taken off."""
    parts = stem.split(".")
    for first in range(min(len(parts), MAX_PREFIX_PARTS + 1)):
        module = ".".join(parts[first:])
        for base_template in _BASE_NAMES:
            base = base_template.format(module)
            if base in view.x.left:
                yield base, module


def _iter_open_factors(view: HypothesisView) -> Iterator[tuple[str, str, str]]:
    """(stem, A, B) of each update without a partner."""
    yield from iter_factor_pairs(
        name for name in view.x.list_remaining() if len(view.x.shapes[name]) >= 2
    )


def iter_factor_pairs(names: Iterable[str]) -> Iterator[tuple[str, str, str]]:
    """(stem, A, B) of each low-rank update among these names."""
    downs: dict[tuple[str, str], str] = {}
    ups: dict[tuple[str, str], str] = {}
    for name in names:
        match = _FACTOR_NAME.match(name)
        if match:
            factors = downs if match["part"] in _DOWN_PARTS else ups
            factors[match["stem"], match["rest"]] = name
    for key, down in downs.items():
        if key in ups:
            yield key[0], down, ups[key]


def _iter_targets(view: HypothesisView, base: str, stem: str) -> Iterator[str]:
    names = (*view.expected(base), *view.expected(f"{stem}.weight"))
    return (name for name in dict.fromkeys(names) if view.y.sides(name) == view.x.sides(base))


def _propose_merges(
    view: HypothesisView, base: str, down: str, up: str, target: str
) -> Iterator[Proposal]:
    weight, target_values = view.x.array(base), view.y.array(target)
    factors = view.x.array(down), view.x.array(up)
    if any(factor.ndim != 2 for factor in factors):
        return
    rank = min(*factors[0].shape, *factors[1].shape)
    stated_scale = find_lora_scale(view.x.checkpoint.metadata, rank)
    for order in LORA_ORDERS:
        scale = _fit_scale(weight, *factors, target_values, order)
        if scale is None:
            continue
        values = [_round_scale(scale), scale]
        if stated_scale is not None:
            values.insert(0, stated_scale)
        for value in dict.fromkeys(values):
            yield _build_proposal((base, down, up), target, value, stated_scale, order)


def _build_proposal(
    sources: tuple[str, str, str],
    target: str,
    scale: float,
    stated_scale: float | None,
    order: LoraOrder,
) -> Proposal:
    """A merge with that factor; a fault where the files state another one, or where it is taken off instead of added."""
    evidence: dict[str, float] = {"scale": scale}
    is_wrong = scale < 0
    if stated_scale is not None:
        evidence["stated"] = stated_scale
        is_wrong = abs(scale - stated_scale) > MAX_SCALE_ERROR * abs(stated_scale)
    right_scale = stated_scale if stated_scale is not None else abs(scale)
    return Proposal(
        sources,
        (target,),
        (MergeLora(right_scale if is_wrong else scale, order),),
        "lora-unmerged",
        fault=is_wrong,
        computed=True,
        compute=MergeLora(scale, order).apply if is_wrong else None,
        evidence=evidence,
    )


def _fit_scale(
    weight: Array, down: Array, up: Array, target_values: Array, order: LoraOrder
) -> float | None:
    """The least-squares factor of the update in `wanted` - `weight`, under the move of axes that leaves the least."""
    left_factor, right_factor = order_factors(down.astype(np.float64), up.astype(np.float64), order)
    if (
        left_factor.shape[1] != right_factor.shape[0]
        or left_factor.shape[0] * right_factor.shape[1] != weight.size
        or (order == "ba-turned" and left_factor.shape[0] != weight.shape[0])
    ):
        return None
    update = (left_factor @ right_factor).reshape(weight.shape)
    power = float(np.vdot(update, update).real)
    if power == 0 or not np.isfinite(power):
        return None
    best_scale, least_residual = None, np.inf
    for move in list_moves(weight.shape, target_values.shape):
        change, moved = (
            target_values.astype(np.float64) - move.view(weight.astype(np.float64)),
            move.view(update),
        )
        scale = float(np.vdot(moved, change).real) / power
        residual = float(np.linalg.norm(change - scale * moved))
        if residual < least_residual:
            best_scale, least_residual = scale, residual
    return best_scale


def _round_scale(scale: float) -> float:
    """The nearest alpha / rank of whole numbers that authors use, if it is near."""
    for denominator in (1, 2, 4, 8, 16, 32, 64, 3, 6, 12, 24):
        value = round(scale * denominator) / denominator
        if value and abs(value - scale) <= 1e-4 * abs(scale):
            return value
    return scale
