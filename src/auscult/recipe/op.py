"""The contract of one reversible operation on tensors.

Each operation lives in its own file under `recipe/ops/`, as a frozen dataclass that derives from `Op`; it is found by its
folder. An operation takes a fixed number of arrays and gives a fixed number of arrays, so that a recipe entry is
`sources -> ops -> targets`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import cache
from typing import Any, ClassVar

from auscult.errors import RecipeError
from auscult.finding import Json
from auscult.recipe.blocks import has_same_bits
from auscult.recipe.dialect import CodeBlock
from auscult.weights import Array, Shape


@dataclass(frozen=True)
class Op(ABC):
    """A reversible step from source arrays to target arrays.

    An operation on one array (Permute, Cast, ...) takes any number of arrays and does the same to each, so that it can
    stand after one that gives several.

    Attributes:
        op: The stable name in JSON, which is also the name of the operation's file.
    """

    op: ClassVar[str]

    @property
    def lossless(self) -> bool:
        """Whether `inverse()` brings back every bit."""
        return True

    @abstractmethod
    def apply(self, arrays: Sequence[Array]) -> list[Array]:
        """Target arrays from source arrays.

        Raises:
            RecipeError: If the number or the shapes of the arrays do not fit.
        """

    @abstractmethod
    def inverse(self) -> Op:
        """The operation that undoes this one.

        Raises:
            RecipeError: If what this operation drops cannot be restored; the message says what is lost.
        """

    def undo(self) -> Op:
        """The nearest thing to an inverse: `inverse()`, or where digits are lost, the way back to their format.

        Raises:
            RecipeError: If there is no way back at all.
        """
        return self.inverse()

    @abstractmethod
    def shapes(self, shapes: Sequence[Shape]) -> list[Shape]:
        """Target shapes from source shapes, without data."""

    def dtypes(self, dtypes: Sequence[str]) -> list[str]:
        """Target dtypes from source dtypes, without data."""
        return list(dtypes)

    def error(self, sources: Sequence[Array], targets: Sequence[Array]) -> float:
        """How far the way back from `targets = apply(sources)` misses the sources, in units of the unavoidable rounding.

        0 means bit for bit, up to 1 within the error of the number format, above 1 a failure. An operation without an
        inverse is undone with the help of the sources that it adds or multiplies in.
        """
        if not self.lossless:
            raise NotImplementedError(f"{type(self).__name__} must define its error")
        restored = self.inverse().apply(targets)
        is_same = len(restored) == len(sources) and all(map(has_same_bits, restored, sources))
        if is_same:
            return 0.0
        return float("inf")

    def render(self, block: CodeBlock, names: Sequence[str]) -> list[str]:  # noqa: ARG002
        """The operation as expressions in `block.dialect`, over the expressions `names`.

        Raises:
            RecipeError: If it cannot be said in that framework.
        """
        raise RecipeError(
            f"{self.op} cannot be printed as {block.dialect.name} code",
            where="code",
            hint="use --recipe instead",
        )

    def to_json(self) -> Json:
        """`{"op": name, **parameters}`, with tuples as lists."""
        result: Json = {"op": self.op}
        for name in _list_parameters(type(self)):
            value: Any = getattr(self, name)
            result[name] = list(value) if isinstance(value, tuple) else value
        return result


@cache
def _list_parameters(op_type: type[Op]) -> tuple[str, ...]:
    """The names of an operation's parameters, in their order."""
    return tuple(parameter.name for parameter in fields(op_type))
