"""Cast: the same values in another number format."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from auscult.checkpoint.source import dtype_of
from auscult.recipe.blocks import (
    finfo,
    get_eps,
    get_tiny,
    has_same_bits,
    iter_block_slices,
    measure_worst_error,
)
from auscult.recipe.checks import make_loss_error, make_misfit_error
from auscult.recipe.dialect import CodeBlock
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
                raise make_misfit_error(self, "names an unknown dtype", actual=name) from error

    @property
    def lossless(self) -> bool:
        return can_hold(dtype_of(self.dtype), dtype_of(self.from_dtype))

    def apply(self, arrays: Sequence[Array]) -> list[Array]:
        from_dtype = dtype_of(self.from_dtype)
        for array in arrays:
            # numpy works a name out anew each time: it is asked for only where byte orders may differ
            if array.dtype != from_dtype and array.dtype.name != from_dtype.name:
                raise make_misfit_error(
                    self, "starts from another dtype", self.from_dtype, array.dtype.name
                )
        with np.errstate(
            over="ignore", invalid="ignore"
        ):  # overflow to Inf is what the cast does; `non-finite` reports it
            return [array.astype(dtype_of(self.dtype)) for array in arrays]

    def dtypes(self, dtypes: Sequence[str]) -> list[str]:
        return [self.dtype for _ in dtypes]

    def inverse(self) -> Cast:
        if not self.lossless:
            hint = "the digits beyond its precision are gone; keep the original file"
            raise make_loss_error(self, f"{self.dtype} cannot hold every {self.from_dtype}", hint)
        return self.undo()

    def undo(self) -> Cast:
        return Cast(self.from_dtype, self.dtype)

    def error(self, sources: Sequence[Array], targets: Sequence[Array]) -> float:
        """Against half a unit in the last place of the coarser format; a value that overflows is a failure."""
        if self.lossless and has_same_arrays(self.undo().apply(targets), sources):
            return 0.0
        target = dtype_of(self.dtype)
        if target.kind in "iub" or sources[0].dtype.kind in "iubc":
            if has_same_arrays(self.undo().apply(targets), sources):
                return 0.0
            return float("inf")
        half, tiny = max(get_eps(target), get_eps(sources[0].dtype)) / 2, get_tiny(target)
        errors = [0.0]
        for source, target_array in zip(sources, targets, strict=True):
            for block_index in iter_block_slices(source.shape):
                wide = source[block_index].astype(np.float64)
                errors.append(
                    measure_worst_error(
                        target_array[block_index].astype(np.float64),
                        wide,
                        half * np.abs(wide) + tiny,
                    )
                )
        return max(errors)

    def render(self, block: CodeBlock, names: Sequence[str]) -> list[str]:
        return [block.dialect.cast(x, self.dtype) for x in names]

    def shapes(self, shapes: Sequence[Shape]) -> list[Shape]:
        return [tuple(shape) for shape in shapes]


def has_same_arrays(actual: Sequence[Array], expected: Sequence[Array]) -> bool:
    """Whether two lists of arrays are the same bit for bit."""
    return len(actual) == len(expected) and all(map(has_same_bits, actual, expected))


def can_hold(wide: np.dtype[Any], narrow: np.dtype[Any]) -> bool:
    """Whether every value of `narrow` is a value of `wide` (numpy calls int64 to float64 safe, which drops digits)."""
    if narrow in (wide, np.bool_):
        return True
    if wide.kind == "c":
        return can_hold(_get_part_dtype(wide), _get_part_dtype(narrow))
    if _is_integer(narrow):
        low, high = get_integer_limits(narrow.name)
        if _is_integer(wide):
            lowest, highest = get_integer_limits(wide.name)
            return lowest <= low and high <= highest
        return (
            wide != np.bool_
            and finfo(wide).nmant + 1 >= high.bit_length()
            and float(finfo(wide).max) >= high
        )
    if narrow.kind == "c" or _is_integer(wide) or wide == np.bool_:
        return False
    wide_limits, narrow_limits = finfo(wide), finfo(narrow)
    return bool(
        wide_limits.nmant >= narrow_limits.nmant
        and float(wide_limits.max) >= float(narrow_limits.max)
        and float(wide_limits.smallest_subnormal) <= float(narrow_limits.smallest_subnormal)
    )


def get_integer_limits(dtype: str) -> tuple[int, int]:
    """Lowest and highest value of an integer type, by its name (`int4`, `uint8`)."""
    bits = int(dtype.lstrip("uint"))
    if dtype.startswith("u"):
        return (0, 2**bits - 1)
    return (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)


def _is_integer(dtype: np.dtype[Any]) -> bool:
    return dtype.name.lstrip("u").startswith("int")


def _get_part_dtype(dtype: np.dtype[Any]) -> np.dtype[Any]:
    if dtype.kind == "c":
        return np.dtype(f"f{dtype.itemsize // 2}")
    return dtype
