"""Route: the tensors of an entry in another order, so that recipes can be joined."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from auscult.recipe.checks import check_count, make_misfit_error
from auscult.recipe.dialect import CodeBlock
from auscult.recipe.op import Op
from auscult.weights import Array, Shape


@dataclass(frozen=True)
class Route(Op):
    """[x0, ..., xn] -> the same tensors, target i being source `order[i]`."""

    op: ClassVar[str] = "route"
    order: tuple[int, ...]

    def __post_init__(self) -> None:
        if sorted(self.order) != list(range(len(self.order))):
            raise make_misfit_error(
                self, "is not an order", f"each of 0 to {len(self.order) - 1} once", self.order
            )

    def apply(self, arrays: Sequence[Array]) -> list[Array]:
        check_count(self, len(arrays), len(self.order))
        return [arrays[index] for index in self.order]

    def dtypes(self, dtypes: Sequence[str]) -> list[str]:
        return [dtypes[index] for index in self.order]

    def inverse(self) -> Route:
        return Route(tuple(int(index) for index in np.argsort(self.order)))

    def render(self, block: CodeBlock, names: Sequence[str]) -> list[str]:  # noqa: ARG002
        return [names[index] for index in self.order]

    def shapes(self, shapes: Sequence[Shape]) -> list[Shape]:
        check_count(self, len(shapes), len(self.order))
        return [tuple(shapes[index]) for index in self.order]
