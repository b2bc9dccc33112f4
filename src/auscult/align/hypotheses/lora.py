"""LoRA factors beside their base weight on one side, merged into it on the other: w' = w + scale · B·A."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

import numpy as np

from auscult.align.derived import HypothesisView, Proposal
from auscult.align.moves import list_moves
from auscult.recipe.ops.merge_lora import MergeLora
from auscult.weights import Array

PRIORITY = 25
BOTH_WAYS = True

_FACTOR_NAME = re.compile(
    r"^(?P<stem>.*?)[._]?lora_?(?P<part>A|B|a|b|down|up)(?P<rest>(\.[\w-]+)*)$"
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
        for base_template in _BASE_NAMES:
            base = base_template.format(stem)
            if base in view.x.left:
                for target in _iter_targets(view, base, stem):
                    yield from _propose_merges(view, base, down, up, target)


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
    for order in ("ba", "ab"):
        scale = _fit_scale(weight, *factors, target_values, order)
        if scale is None:
            continue
        for value in dict.fromkeys((_round_scale(scale), scale)):
            merge = MergeLora(value, "ba" if order == "ba" else "ab")
            yield Proposal(
                (base, down, up),
                (target,),
                (merge,),
                "lora-unmerged",
                computed=True,
                evidence={"scale": value},
            )


def _fit_scale(
    weight: Array, down: Array, up: Array, target_values: Array, order: str
) -> float | None:
    """The least-squares factor of the update in `wanted` - `weight`, under the move of axes that leaves the least."""
    a, b = down.astype(np.float64), up.astype(np.float64)
    left_factor, right_factor = (b, a) if order == "ba" else (a, b)
    if (
        left_factor.shape[1] != right_factor.shape[0]
        or left_factor.shape[0] * right_factor.shape[1] != weight.size
    ):
        return None
    product = left_factor @ right_factor
    if order != "ba":
        product = product.T
    update = product.reshape(weight.shape)
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
