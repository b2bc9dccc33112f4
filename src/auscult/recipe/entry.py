"""Entry: these source tensors become those target tensors through these operations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from auscult.errors import RecipeError
from auscult.finding import Json
from auscult.recipe.op import Op
from auscult.recipe.registry import op_from_json
from auscult.weights import Array, Shape


@dataclass(frozen=True)
class Entry:
    """One line of a recipe. No operations: a rename, or the same tensor under the same name.

    Attributes:
        shapes: Shapes of the sources, where the recipe was made for a certain checkpoint; printed code rests on them.
    """

    sources: tuple[str, ...]
    targets: tuple[str, ...]
    ops: tuple[Op, ...] = ()
    shapes: tuple[Shape, ...] | None = None

    @property
    def lossless(self) -> bool:
        """Whether every bit of the sources can be brought back."""
        return all(op.lossless for op in self.ops)

    @property
    def label(self) -> str:
        """The sources and targets, for messages."""
        source_label, target_label = (
            ", ".join(self.sources) or "nothing",
            ", ".join(self.targets) or "nothing",
        )
        if source_label == target_label:
            return source_label
        return f"{source_label} -> {target_label}"

    def stages(self, arrays: Sequence[Array]) -> list[list[Array]]:
        """The sources, then the tensors after each operation; the last are the targets.

        Raises:
            RecipeError: If an operation does not fit.
        """
        stages = [list(arrays)]
        for op in self.ops:
            stages.append(self._run_with_label(op.apply, stages[-1]))
        self._check_count(len(stages[-1]))
        return stages

    def apply(self, arrays: Sequence[Array]) -> list[Array]:
        """Target arrays from source arrays.

        Raises:
            RecipeError: If an operation does not fit.
        """
        result = list(arrays)
        for op in self.ops:
            result = self._run_with_label(op.apply, result)
        self._check_count(len(result))
        return result

    def target_shapes(self, shapes: Sequence[Shape]) -> list[Shape]:
        """Target shapes from source shapes.

        Raises:
            RecipeError: If an operation does not fit.
        """
        result = [tuple(shape) for shape in shapes]
        for op in self.ops:
            result = self._run_with_label(op.shapes, result)
        self._check_count(len(result))
        return result

    def target_dtypes(self, dtypes: Sequence[str]) -> list[str]:
        """Target dtypes from source dtypes."""
        result = list(dtypes)
        for op in self.ops:
            result = op.dtypes(result)
        return result

    def invert(self) -> Entry:
        """The entry that leads back.

        Raises:
            RecipeError: If an operation has no inverse; the message says what is lost.
        """
        ops = tuple(self._run_with_label(lambda op: op.inverse(), op) for op in reversed(self.ops))
        return Entry(
            self.targets,
            self.sources,
            ops,
            tuple(self.target_shapes(self.shapes)) if self.shapes else None,
        )

    def to_json(self) -> Json:
        result: Json = {
            "sources": list(self.sources),
            "targets": list(self.targets),
            "ops": [op.to_json() for op in self.ops],
        }
        if self.shapes is not None:
            result["shapes"] = [list(shape) for shape in self.shapes]
        return result

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Entry:
        """The entry that `to_json` described.

        Raises:
            RecipeError: If it is not one.
        """
        try:
            sources, targets = (
                tuple(str(name) for name in data[side]) for side in ("sources", "targets")
            )
            ops = tuple(op_from_json(op) for op in data.get("ops", ()))
            shapes = data.get("shapes")
            if shapes is None:
                sides = None
            else:
                sides = tuple(tuple(int(side) for side in shape) for shape in shapes)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise RecipeError(
                f"is not a recipe entry: {error!r}", where="recipe", found=str(data)[:80]
            ) from error
        if isinstance(data["sources"], str) or isinstance(data["targets"], str):
            raise RecipeError(
                "lists names as one string",
                where="recipe",
                expected='["name"]',
                found=data["sources"],
            )
        return cls(sources, targets, ops, sides)

    def _run_with_label(self, step: Any, argument: Any) -> Any:
        try:
            return step(argument)
        except RecipeError as error:
            where = f"{self.label} ({error.where})"
            raise RecipeError(
                error.what, where=where, expected=error.expected, found=error.found, hint=error.hint
            ) from error

    def _check_count(self, count: int) -> None:
        if count != len(self.targets):
            raise RecipeError(
                "gives another number of tensors",
                where=self.label,
                expected=len(self.targets),
                found=count,
            )
