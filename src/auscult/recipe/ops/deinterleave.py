"""Deinterleave: the way back of Interleave, from (q, k, v of head 0; ...) to all q, then all k, then all v."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from auscult.recipe.exchange import Exchange
from auscult.recipe.ops.interleave import Interleave


@dataclass(frozen=True)
class Deinterleave(Exchange):
    """`axis`, seen as [outer, groups, parts, rest], becomes [outer, parts, groups, rest]."""

    op: ClassVar[str] = "deinterleave"

    @property
    def levels(self) -> tuple[int, int]:
        return self.groups, self.parts

    def inverse(self) -> Interleave:
        return Interleave(self.axis, self.groups, self.parts, self.outer)
