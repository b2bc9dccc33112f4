"""A Snake activation's alpha or beta stored as its logarithm on one side and linear on the other."""

from __future__ import annotations

import re
from collections.abc import Iterator

from auscult.align.derived import Candidate, View
from auscult.recipe.ops.exp import Exp

PRIORITY = 30
BOTH_WAYS = True

_SNAKE = re.compile(r"alpha|beta|snake", re.IGNORECASE)


def propose(view: View) -> Iterator[Candidate]:
    # Side x keeps the logarithm: its exponential is well conditioned, the logarithm of values near 1 is not.
    for source in view.x.remaining():
        if not _SNAKE.search(source):
            continue
        for target in view.expected(source):
            if view.x.sides(source) == view.y.sides(target):
                yield Candidate(
                    (source,), (target,), (Exp(),), "snake-parametrisation", computed=True
                )
