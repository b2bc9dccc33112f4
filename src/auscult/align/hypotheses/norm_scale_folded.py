"""A layer norm's gain multiplied into the linear layer behind it, on one side only, as graph converters do.

The norm's shift must be zero (Stable Audio's is a buffer of zeros); one that is not goes into the bias and is not looked for.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import takewhile

from auscult.align.derived import HypothesisView, Proposal
from auscult.recipe.ops.fold_scale import FoldScale

PRIORITY = 26
BOTH_WAYS = True

MAX_SIMILAR = (
    2  # targets that are compared on their elements, of those whose content resembles the product
)
_GAIN_NAME = re.compile(
    r"(norm|ln)[^.]*\.(gamma|weight|scale)$|layer_?norm.*\.(gamma|weight|scale)$", re.IGNORECASE
)


def propose(view: HypothesisView) -> Iterator[Proposal]:
    gains = [
        name
        for name in view.x.list_remaining()
        if _GAIN_NAME.search(name) and len(view.x.shapes[name]) == 1
    ]
    weights = [name for name in view.x.list_remaining() if len(view.x.shapes[name]) >= 2]
    for gain in gains:
        for weight in sorted(weights, key=lambda name: -_count_shared_parts(name, gain)):
            if (
                weight in view.x.left
                and _count_shared_parts(weight, gain)
                and view.x.shapes[weight][1] == view.x.shapes[gain][0]
            ):
                yield from _propose_products(view, weight, gain)
            if gain not in view.x.left:
                break


def _count_shared_parts(weight_name: str, gain_name: str) -> int:
    """Parts of their names that agree from the start: a norm stands in the same block as the layer behind it."""
    return sum(
        1
        for _ in takewhile(
            lambda pair: pair[0] == pair[1],
            zip(weight_name.split("."), gain_name.split("."), strict=False),
        )
    )


def _propose_products(view: HypothesisView, weight: str, gain: str) -> Iterator[Proposal]:
    fold = FoldScale(1)
    shift = re.sub(r"[^.]+$", "beta" if gain.endswith("gamma") else "bias", gain)
    has_zero_shift = (
        shift in view.x.left
        and view.x.shapes[shift] == view.x.shapes[gain]
        and not view.x.array(shift).any()
    )
    if shift in view.x.left and not has_zero_shift:
        return
    sources = (weight, gain, shift) if has_zero_shift else (weight, gain)
    product = fold.apply([view.x.array(source) for source in sources])[0]
    named_targets = [
        name for name in view.expected(weight) if view.y.sides(name) == view.x.sides(weight)
    ]
    for target in dict.fromkeys((*named_targets, *view.find_similar(product)[:MAX_SIMILAR])):
        yield Proposal(
            sources, (target,), (fold,), "norm-folded", computed=True, evidence={"norm": gain}
        )
