"""LoRA factors beside their base weight on one side, merged into it on the other: w' = w + scale · B·A."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

import numpy as np

from auscult.align.derived import Candidate, View
from auscult.align.moves import moves
from auscult.recipe.ops.merge_lora import MergeLora
from auscult.weights import Array

PRIORITY = 25
BOTH_WAYS = True

_FACTOR = re.compile(r"^(?P<stem>.*?)[._]?lora_?(?P<part>A|B|a|b|down|up)(?P<rest>(\.[\w-]+)*)$")
_DOWN = {"A", "a", "down"}
_BASES = (
    "{}.weight",
    "{}.base_layer.weight",
    "{}.original_layer.weight",
    "{}.linear.weight",
    "{}.original.weight",
    "{}",
)


def propose(view: View) -> Iterator[Candidate]:
    for stem, down, up in _factors(view):
        for form in _BASES:
            base = form.format(stem)
            if base in view.x.left:
                for target in _targets(view, base, stem):
                    yield from _merged(view, base, down, up, target)


def _factors(view: View) -> Iterator[tuple[str, str, str]]:
    """(stem, A, B) of each update without a partner."""
    yield from factor_pairs(name for name in view.x.remaining() if len(view.x.shapes[name]) >= 2)


def factor_pairs(names: Iterable[str]) -> Iterator[tuple[str, str, str]]:
    """(stem, A, B) of each low-rank update among these names."""
    downs: dict[tuple[str, str], str] = {}
    ups: dict[tuple[str, str], str] = {}
    for name in names:
        found = _FACTOR.match(name)
        if found:
            (downs if found["part"] in _DOWN else ups)[found["stem"], found["rest"]] = name
    for key, down in downs.items():
        if key in ups:
            yield key[0], down, ups[key]


def _targets(view: View, base: str, stem: str) -> Iterator[str]:
    names = (*view.expected(base), *view.expected(f"{stem}.weight"))
    return (name for name in dict.fromkeys(names) if view.y.sides(name) == view.x.sides(base))


def _merged(view: View, base: str, down: str, up: str, target: str) -> Iterator[Candidate]:
    weight, wanted = view.x.array(base), view.y.array(target)
    factors = view.x.array(down), view.x.array(up)
    if any(factor.ndim != 2 for factor in factors):
        return
    for order in ("ba", "ab"):
        scale = _scale(weight, *factors, wanted, order)
        for value in dict.fromkeys((_plain(scale), scale)) if scale is not None else ():
            merge = MergeLora(value, "ba" if order == "ba" else "ab")
            yield Candidate(
                (base, down, up),
                (target,),
                (merge,),
                "lora-unmerged",
                computed=True,
                evidence={"scale": value},
            )


def _scale(weight: Array, down: Array, up: Array, wanted: Array, order: str) -> float | None:
    """The least-squares factor of the update in `wanted` - `weight`, under the move of axes that leaves the least."""
    a, b = down.astype(np.float64), up.astype(np.float64)
    left, right = (b, a) if order == "ba" else (a, b)
    if left.shape[1] != right.shape[0] or left.shape[0] * right.shape[1] != weight.size:
        return None
    update = (left @ right if order == "ba" else (left @ right).T).reshape(weight.shape)
    power = float(np.vdot(update, update).real)
    if power == 0 or not np.isfinite(power):
        return None
    best, least = None, np.inf
    for move in moves(weight.shape, wanted.shape):
        change, moved = (
            wanted.astype(np.float64) - move.view(weight.astype(np.float64)),
            move.view(update),
        )
        scale = float(np.vdot(moved, change).real) / power
        left_over = float(np.linalg.norm(change - scale * moved))
        if left_over < least:
            best, least = scale, left_over
    return best


def _plain(scale: float) -> float:
    """The nearest alpha / rank of whole numbers that authors use, if it is near."""
    for denominator in (1, 2, 4, 8, 16, 32, 64, 3, 6, 12, 24):
        value = round(scale * denominator) / denominator
        if value and abs(value - scale) <= 1e-4 * abs(scale):
            return value
    return scale
