"""FortranScramble: the bytes of an array in one memory order, read in the other under the same shape.

Seen in home-made .npy readers that ignore `fortran_order`, and in writers that save a transposed view without making it
contiguous. The shape stays right and every value is there, in the wrong place.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

from auscult.recipe.checks import make_misfit_error
from auscult.recipe.dialect import CodeBlock
from auscult.recipe.op import Op
from auscult.weights import Array, Shape


@dataclass(frozen=True)
class FortranScramble(Op):
    """Row-major bytes read as column-major, or with `read="row"` column-major bytes read as row-major (the way back)."""

    op: ClassVar[str] = "fortran"
    read: Literal["column", "row"] = "column"

    def __post_init__(self) -> None:
        if self.read not in ("column", "row"):
            raise make_misfit_error(self, "reads in an unknown order", "column or row", self.read)

    def apply(self, arrays: Sequence[Array]) -> list[Array]:
        if self.read == "column":
            return [
                array.reshape(-1, order="C").reshape(array.shape, order="F") for array in arrays
            ]
        return [array.reshape(-1, order="F").reshape(array.shape, order="C") for array in arrays]

    def inverse(self) -> FortranScramble:
        return FortranScramble("row" if self.read == "column" else "column")

    def render(self, block: CodeBlock, names: Sequence[str]) -> list[str]:
        input_names = [block.held(x) for x in names]
        transposed_inputs = [
            f"{x}.{block.dialect.permute}(*reversed(range({x}.ndim)))" for x in input_names
        ]
        if self.read == "row":
            return [
                f"{transposed}.reshape({x}.shape)"
                for x, transposed in zip(input_names, transposed_inputs, strict=True)
            ]
        reversed_inputs = [
            block.held(f"{x}.reshape(tuple(reversed({x}.shape)))") for x in input_names
        ]
        return [f"{x}.{block.dialect.permute}(*reversed(range({x}.ndim)))" for x in reversed_inputs]

    def shapes(self, shapes: Sequence[Shape]) -> list[Shape]:
        return [tuple(shape) for shape in shapes]
