"""The bytes of a tensor read as another number format (bfloat16 as float16, signed as unsigned) or in the other byte order.

Equal bits under different dtypes are found whatever the names; what was cast after the misreading, only under one name.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

import numpy as np

from auscult.align.derived import HypothesisView, Proposal
from auscult.align.fingerprint import Fingerprint, view_as_bits
from auscult.align.formats import NumberFormat, get_dtype_name, get_float_format
from auscult.align.lossy import is_identifying
from auscult.align.moves import sample_places
from auscult.checkpoint.source import dtype_of
from auscult.errors import RecipeError
from auscult.recipe.op import Op
from auscult.recipe.ops.byteswap import Byteswap
from auscult.recipe.ops.cast import Cast
from auscult.recipe.ops.reinterpret import Reinterpret
from auscult.weights import Array

PRIORITY = 40
BOTH_WAYS = True
MIN_SIZE = 4

_SAME_WIDTH_DTYPES = (
    ("float16", "bfloat16", "int16", "uint16"),
    ("float32", "int32", "uint32"),
    ("float64", "int64", "uint64"),
    ("int8", "uint8", "float8_e4m3fn", "float8_e5m2"),
)
_HALF_DTYPES = ("bfloat16", "float16")


def propose(view: HypothesisView) -> Iterator[Proposal]:
    yield from _propose_same_bits(view)
    yield from _propose_misreadings(view, MIN_SIZE)
    if any(
        match.cause == "wrong-dtype" for match in view.ledger.matches
    ):  # what the large ones prove explains the small ones
        yield from _propose_misreadings(view, 1)


def _propose_misreadings(view: HypothesisView, min_size: int) -> Iterator[Proposal]:
    for source in view.x.list_remaining():
        for target in view.expected(source):
            if view.x.size(source) >= min_size and view.x.shapes[source] == view.y.shapes[target]:
                for ops in _iter_misreadings(view.x.array(source), view.y.array(target)):
                    yield Proposal(
                        (source,), (target,), ops, "wrong-dtype", True, result_format=_get_format
                    )
                break


def _get_format(values: Array) -> NumberFormat:
    """The format of the reading, which may be narrower than what the file keeps it in."""
    return get_float_format(get_dtype_name(values.dtype))


def _propose_same_bits(view: HypothesisView) -> Iterator[Proposal]:
    if not view.forward:
        return
    targets: dict[Fingerprint, list[str]] = {}
    for name in view.y.list_remaining():
        if is_identifying(view.y, name):
            targets.setdefault(view.y.fingerprints[name], []).append(name)
    for source in view.x.list_remaining():
        for target in targets.get(view.x.fingerprints[source], [])[:2]:
            old_dtype, new_dtype = view.x.kinds[source], view.y.kinds[target]
            if old_dtype != new_dtype:
                yield Proposal(
                    (source,), (target,), (Reinterpret(new_dtype, old_dtype),), "wrong-dtype", True
                )


def _iter_misreadings(x: Array, y: Array) -> Iterator[tuple[Op, ...]]:
    """Ways to misread `x` as `y` that a sample does not refute, bit for bit."""
    sample_index = sample_places(y.shape)
    sample_x, sample_y = np.ascontiguousarray(x[sample_index]), y[sample_index]
    for ops in _list_misreadings(get_dtype_name(x.dtype), get_dtype_name(y.dtype)):
        misread = [sample_x]
        try:
            with np.errstate(all="ignore"):
                for op in ops:
                    misread = op.apply(misread)
        except RecipeError:
            continue
        if bool((view_as_bits(misread[0]) == view_as_bits(sample_y)).all()):
            yield ops
    yield from _iter_rounded_misreadings(x, sample_x, sample_y)


def _iter_rounded_misreadings(
    x: Array, sample_x: Array, sample_y: Array
) -> Iterator[tuple[Op, ...]]:
    """Ways to misread `x` that give `y` rounded to the format which the bytes really are: the reference was never rounded."""
    for ops, narrow_dtype in _list_narrow_misreadings(get_dtype_name(x.dtype)):
        if dtype_of(narrow_dtype).itemsize >= sample_y.dtype.itemsize or sample_y.dtype.kind != "f":
            continue
        misread = [sample_x]
        with np.errstate(all="ignore"):
            for op in ops:
                misread = op.apply(misread)
            rounded = sample_y.astype(dtype_of(narrow_dtype))
        narrowed = [rounded]
        if narrow_dtype == "bfloat16" and sample_y.dtype == np.float32:
            narrowed.append(_cut_to_bfloat16(sample_y))
        if rounded.any() and any(
            bool((view_as_bits(misread[0]) == view_as_bits(values)).all()) for values in narrowed
        ):
            yield ops


def _cut_to_bfloat16(values: Array) -> Array:
    """float32 without its lower half, as code without a bfloat16 type makes it."""
    upper_halves = (np.ascontiguousarray(values).view(np.uint32) >> 16).astype(np.uint16)
    return upper_halves.view(dtype_of("bfloat16")).reshape(values.shape)


@lru_cache(maxsize=64)
def _list_narrow_misreadings(old_dtype: str) -> tuple[tuple[tuple[Op, ...], str], ...]:
    """Misreadings of dtype `old` with the narrow format that they lead to."""
    ways: list[tuple[tuple[Op, ...], str]] = []
    if old_dtype in _HALF_DTYPES:
        ways.append(((Byteswap(),), old_dtype))
        ways += [
            ((Reinterpret(read_dtype, old_dtype),), read_dtype)
            for read_dtype in _HALF_DTYPES
            if read_dtype != old_dtype
        ]
    elif old_dtype in ("float32", "float64"):  # wide now, misread as halves once
        for half_dtype in _HALF_DTYPES:
            ways.append(((Cast(half_dtype, old_dtype), Byteswap()), half_dtype))
            ways += [
                ((Cast(half_dtype, old_dtype), Reinterpret(read_dtype, half_dtype)), read_dtype)
                for read_dtype in _HALF_DTYPES
                if read_dtype != half_dtype
            ]
    return tuple(ways)


@lru_cache(maxsize=256)
def _list_misreadings(old_dtype: str, new_dtype: str) -> tuple[tuple[Op, ...], ...]:
    """Misreadings of dtype `old` that end, perhaps after a cast, in dtype `new`."""
    return tuple(_iter_misreading_ops(old_dtype, new_dtype))


def _iter_misreading_ops(old_dtype: str, new_dtype: str) -> Iterator[tuple[Op, ...]]:
    for read_dtype in next((group for group in _SAME_WIDTH_DTYPES if old_dtype in group), ()):
        if read_dtype != old_dtype:
            yield (Reinterpret(read_dtype, old_dtype), *_make_cast(read_dtype, new_dtype))
    yield (Byteswap(), *_make_cast(old_dtype, new_dtype))
    if (
        dtype_of(old_dtype).itemsize > 2 and dtype_of(new_dtype).itemsize > 2
    ):  # both wide now, misread as halves once
        for half_dtype in _HALF_DTYPES:
            yield (Cast(half_dtype, old_dtype), Byteswap(), Cast(new_dtype, half_dtype))
            for read_dtype in _HALF_DTYPES:
                if read_dtype != half_dtype:
                    yield (
                        Cast(half_dtype, old_dtype),
                        Reinterpret(read_dtype, half_dtype),
                        Cast(new_dtype, read_dtype),
                    )


def _make_cast(old_dtype: str, new_dtype: str) -> tuple[Op, ...]:
    if old_dtype != new_dtype:
        return (Cast(new_dtype, old_dtype),)
    return ()
