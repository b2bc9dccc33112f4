"""Interleave: parts that lie one after another, laid side by side group by group, as q, k, v per attention head.

(q of all heads, k of all heads, v of all heads) becomes (q, k, v of head 0; q, k, v of head 1; ...) with `groups` = heads
and `parts` = 3. Rotary embeddings stored in halves become interleaved pairs with `parts` = 2, `groups` = half the head size
and `outer` = heads.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from auscult.recipe.exchange import Exchange
from auscult.recipe.op import Op
from auscult.recipe.registry import make_op


@dataclass(frozen=True)
class Interleave(Exchange):
    """`axis`, seen as [outer, parts, groups, rest], becomes [outer, groups, parts, rest]."""

    op: ClassVar[str] = "interleave"

    @property
    def levels(self) -> tuple[int, int]:
        return self.parts, self.groups

    def inverse(self) -> Op:
        return make_op("deinterleave", self.axis, self.groups, self.parts, self.outer)
