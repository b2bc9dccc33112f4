"""Cast: the same values in another number format."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from auscult.checkpoint.source import dtype_of
from auscult.recipe.blocks import block_slices, eps_of, finfo, same_bits, tiny_of, worst
from auscult.recipe.checks import lost, misfit
from auscult.recipe.dialect import Block
from auscult.recipe.op import Op
from auscult.weights import Array, Shape


@dataclass(frozen=True)
class Cast(Op):
    """From `from_dtype` to `dtype`, rounding to nearest. Lossless where `dtype` holds every value of `from_dtype`
    (the payload of a NaN is not a value)."""

    op: ClassVar[str] = "cast"
    dtype: str
    from_dtype: str

    def __post_init__(self) -> None:
        for name in (self.dtype, self.from_dtype):
            try:
                dtype_of(name)
            except TypeError as error:
                raise misfit(self, "names an unknown dtype", found=name) from error

    @property
    def lossless(self) -> bool:
        return holds(dtype_of(self.dtype), dtype_of(self.from_dtype))

    def apply(self, arrays: Sequence[Array]) -> list[Array]:
        for array in arrays:
            if array.dtype.name != dtype_of(self.from_dtype).name:
                raise misfit(self, "starts from another dtype", self.from_dtype, array.dtype.name)
        with np.errstate(
            over="ignore", invalid="ignore"
        ):  # overflow to Inf is what the cast does; `non-finite` reports it
            return [array.astype(dtype_of(self.dtype)) for array in arrays]

    def dtypes(self, dtypes: Sequence[str]) -> list[str]:
        return [self.dtype for _ in dtypes]

    def inverse(self) -> Cast:
        if not self.lossless:
            hint = "the digits beyond its precision are gone; keep the original file"
            raise lost(self, f"{self.dtype} cannot hold every {self.from_dtype}", hint)
        return self.undo()

    def undo(self) -> Cast:
        return Cast(self.from_dtype, self.dtype)

    def error(self, sources: Sequence[Array], targets: Sequence[Array]) -> float:
        """Against half a unit in the last place of the coarser format; a value that overflows is a failure."""
        if self.lossless and same_pairs(self.undo().apply(targets), sources):
            return 0.0
        target = dtype_of(self.dtype)
        if target.kind in "iub" or sources[0].dtype.kind in "iubc":
            return 0.0 if same_pairs(self.undo().apply(targets), sources) else float("inf")
        half, tiny = max(eps_of(target), eps_of(sources[0].dtype)) / 2, tiny_of(target)
        errors = [0.0]
        for source, cast in zip(sources, targets, strict=True):
            for cut in block_slices(source.shape):
                wide = source[cut].astype(np.float64)
                errors.append(worst(cast[cut].astype(np.float64), wide, half * np.abs(wide) + tiny))
        return max(errors)

    def render(self, block: Block, names: Sequence[str]) -> list[str]:
        return [block.dialect.cast(x, self.dtype) for x in names]

    def shapes(self, shapes: Sequence[Shape]) -> list[Shape]:
        return [tuple(shape) for shape in shapes]


def same_pairs(found: Sequence[Array], expected: Sequence[Array]) -> bool:
    """Whether two lists of arrays are the same bit for bit."""
    return len(found) == len(expected) and all(map(same_bits, found, expected))


def holds(wide: np.dtype[Any], narrow: np.dtype[Any]) -> bool:
    """Whether every value of `narrow` is a value of `wide` (numpy calls int64 to float64 safe, which drops digits)."""
    if narrow in (wide, np.bool_):
        return True
    if wide.kind == "c":
        return holds(_part(wide), _part(narrow))
    if _is_integer(narrow):
        low, high = limits_of(narrow.name)
        if _is_integer(wide):
            lowest, highest = limits_of(wide.name)
            return lowest <= low and high <= highest
        return (
            wide != np.bool_
            and finfo(wide).nmant + 1 >= high.bit_length()
            and float(finfo(wide).max) >= high
        )
    if narrow.kind == "c" or _is_integer(wide) or wide == np.bool_:
        return False
    large, small = finfo(wide), finfo(narrow)
    return bool(
        large.nmant >= small.nmant
        and float(large.max) >= float(small.max)
        and float(large.smallest_subnormal) <= float(small.smallest_subnormal)
    )


def limits_of(dtype: str) -> tuple[int, int]:
    """Lowest and highest value of an integer type, by its name (`int4`, `uint8`)."""
    bits = int(dtype.lstrip("uint"))
    return (0, 2**bits - 1) if dtype.startswith("u") else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)


def _is_integer(kind: np.dtype[Any]) -> bool:
    return kind.name.lstrip("u").startswith("int")


def _part(kind: np.dtype[Any]) -> np.dtype[Any]:
    return np.dtype(f"f{kind.itemsize // 2}") if kind.kind == "c" else kind
