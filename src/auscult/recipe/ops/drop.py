"""Drop: a tensor that the other side does not have, such as `num_batches_tracked` in MLX."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from auscult.recipe.checks import (
    check_count,
    make_loss_error,
    make_misfit_error,
    to_native_contiguous,
)
from auscult.recipe.dialect import CodeBlock
from auscult.recipe.op import Op
from auscult.recipe.ops.constant import Constant, ConstantValue, make_filled_array
from auscult.weights import Array, Shape


@dataclass(frozen=True)
class Drop(Op):
    """[x] -> []. With `value` nothing is lost: the tensor must hold just that, and Constant brings it back."""

    op: ClassVar[str] = "drop"
    shape: Shape
    dtype: str
    value: ConstantValue | None = None

    @property
    def lossless(self) -> bool:
        return self.value is not None

    def apply(self, arrays: Sequence[Array]) -> list[Array]:
        self.shapes([array.shape for array in arrays])
        if (
            self.value is not None
            and to_native_contiguous(arrays[0]).tobytes()
            != make_filled_array(self.shape, self.dtype, self.value).tobytes()
        ):
            raise make_misfit_error(
                self,
                "would drop other values than the recipe keeps",
                self.value,
                arrays[0].reshape(-1)[:4].tolist(),
            )
        return []

    def dtypes(self, dtypes: Sequence[str]) -> list[str]:  # noqa: ARG002
        return []

    def error(self, sources: Sequence[Array], targets: Sequence[Array]) -> float:  # noqa: ARG002
        """0: with a value, `apply` has compared; without, nothing was promised and the report counts it as dropped."""
        return 0.0

    def inverse(self) -> Constant:
        if self.value is None:
            raise make_loss_error(
                self,
                f"the values of a dropped tensor {self.shape} are not in the recipe",
                "keep the original file",
            )
        return Constant(self.shape, self.dtype, self.value)

    def render(self, block: CodeBlock, names: Sequence[str]) -> list[str]:  # noqa: ARG002
        return []

    def shapes(self, shapes: Sequence[Shape]) -> list[Shape]:
        check_count(self, len(shapes), 1)
        if tuple(shapes[0]) != self.shape:
            raise make_misfit_error(self, "drops another shape", self.shape, tuple(shapes[0]))
        return []
