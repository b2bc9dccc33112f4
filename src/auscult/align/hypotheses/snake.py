"""A Snake activation's alpha or beta stored as its logarithm on one side and linear on the other."""

from __future__ import annotations

import re
from collections.abc import Iterator

from auscult.align.derived import HypothesisView, Proposal
from auscult.recipe.ops.exp import Exp

PRIORITY = 30
BOTH_WAYS = True

_SNAKE_NAME = re.compile(r"alpha|beta|snake", re.IGNORECASE)


def propose(view: HypothesisView) -> Iterator[Proposal]:
    # Side x keeps the logarithm: its exponential is well conditioned, the logarithm of values near 1 is not.
    for source in view.x.list_remaining():
        if not _SNAKE_NAME.search(source):
            continue
        for target in view.expected(source):
            if view.x.sides(source) == view.y.sides(target):
                yield Proposal(
                    (source,), (target,), (Exp(),), "snake-parametrisation", computed=True
                )
