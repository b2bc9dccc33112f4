"""Parallel: different operations on different tensors of one entry, so that recipes can be joined."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, TypeVar

from auscult.finding import Json
from auscult.recipe.blocks import has_same_bits
from auscult.recipe.checks import check_count
from auscult.recipe.dialect import CodeBlock
from auscult.recipe.op import Op
from auscult.recipe.registry import op_from_json
from auscult.weights import Array, Shape

Item = TypeVar("Item")
Branch = tuple[int, int, tuple[Op, ...]]


@dataclass(frozen=True)
class Parallel(Op):
    """Each branch (sources, targets, ops) takes the next tensors, and gives its targets in the same order."""

    op: ClassVar[str] = "parallel"
    branches: tuple[Branch, ...]

    def __post_init__(self) -> None:
        def read_op(step: Any) -> Op:
            if isinstance(step, Mapping):
                return op_from_json(step)
            return step  # type: ignore[no-any-return]

        branches = tuple(
            (int(sources), int(targets), tuple(map(read_op, ops)))
            for sources, targets, ops in self.branches
        )
        object.__setattr__(self, "branches", branches)

    @property
    def lossless(self) -> bool:
        return all(op.lossless for _, _, ops in self.branches for op in ops)

    def apply(self, arrays: Sequence[Array]) -> list[Array]:
        return self._run_branches(arrays, lambda op, part: op.apply(part))

    def render(self, block: CodeBlock, names: Sequence[str]) -> list[str]:
        return self._run_branches(names, lambda op, part: op.render(block, part))

    def shapes(self, shapes: Sequence[Shape]) -> list[Shape]:
        return self._run_branches(shapes, lambda op, part: op.shapes(part))

    def dtypes(self, dtypes: Sequence[str]) -> list[str]:
        return self._run_branches(dtypes, lambda op, part: op.dtypes(part))

    def inverse(self) -> Parallel:
        return Parallel(
            tuple(
                (b, a, tuple(op.inverse() for op in reversed(ops))) for a, b, ops in self.branches
            )
        )

    def undo(self) -> Parallel:
        return Parallel(
            tuple((b, a, tuple(op.undo() for op in reversed(ops))) for a, b, ops in self.branches)
        )

    def error(self, sources: Sequence[Array], targets: Sequence[Array]) -> float:
        """The worst of its operations."""
        errors = [0.0]

        def apply_and_measure(op: Op, part: Sequence[Array]) -> list[Array]:
            result = op.apply(part)
            errors.append(op.error(part, result))
            return result

        recomputed = self._run_branches(sources, apply_and_measure)
        is_same = len(recomputed) == len(targets) and all(map(has_same_bits, recomputed, targets))
        if is_same:
            return max(errors)
        return float("inf")

    def _run_branches(
        self, items: Sequence[Item], step: Callable[[Op, Sequence[Item]], list[Item]]
    ) -> list[Item]:
        check_count(self, len(items), sum(sources for sources, _, _ in self.branches))
        result: list[Item] = []
        start = 0
        for sources, targets, ops in self.branches:
            part = list(items[start : start + sources])
            start += sources
            for op in ops:
                part = step(op, part)
            check_count(self, len(part), targets)
            result += part
        return result

    def to_json(self) -> Json:
        branches = [
            [sources, targets, [op.to_json() for op in ops]]
            for sources, targets, ops in self.branches
        ]
        return {"op": self.op, "branches": branches}
