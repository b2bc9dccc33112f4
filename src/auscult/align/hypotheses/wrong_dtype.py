"""The bytes of a tensor read as another number format (bfloat16 as float16, signed as unsigned) or in the other byte order.

Equal bits under different dtypes are found whatever the names; what was cast after the misreading, only under one name.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

import numpy as np

from auscult.align.derived import Candidate, View
from auscult.align.fingerprint import Print, bits
from auscult.align.formats import name_of
from auscult.align.lossy import identifying
from auscult.align.moves import sample
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

_ALIKE = (
    ("float16", "bfloat16", "int16", "uint16"),
    ("float32", "int32", "uint32"),
    ("float64", "int64", "uint64"),
    ("int8", "uint8", "float8_e4m3fn", "float8_e5m2"),
)
_HALVES = ("bfloat16", "float16")


def propose(view: View) -> Iterator[Candidate]:
    yield from _same_bits(view)
    yield from _misread(view, MIN_SIZE)
    if any(
        match.cause == "wrong-dtype" for match in view.ledger.matches
    ):  # what the large ones prove explains the small ones
        yield from _misread(view, 1)


def _misread(view: View, least: int) -> Iterator[Candidate]:
    for source in view.x.remaining():
        for target in view.expected(source):
            if view.x.size(source) >= least and view.x.shapes[source] == view.y.shapes[target]:
                for ops in _readings(view.x.array(source), view.y.array(target)):
                    yield Candidate((source,), (target,), ops, "wrong-dtype", True)
                break


def _same_bits(view: View) -> Iterator[Candidate]:
    if not view.forward:
        return
    targets: dict[Print, list[str]] = {}
    for name in view.y.remaining():
        if identifying(view.y, name):
            targets.setdefault(view.y.prints[name], []).append(name)
    for source in view.x.remaining():
        for target in targets.get(view.x.prints[source], [])[:2]:
            old, new = view.x.kinds[source], view.y.kinds[target]
            if old != new:
                yield Candidate((source,), (target,), (Reinterpret(new, old),), "wrong-dtype", True)


def _readings(x: Array, y: Array) -> Iterator[tuple[Op, ...]]:
    """Ways to misread `x` as `y` that a sample does not refute, bit for bit."""
    places = sample(y.shape)
    some, wanted = np.ascontiguousarray(x[places]), y[places]
    for ops in _ways(name_of(x.dtype), name_of(y.dtype)):
        found = [some]
        try:
            with np.errstate(all="ignore"):
                for op in ops:
                    found = op.apply(found)
        except RecipeError:
            continue
        if bool((bits(found[0]) == bits(wanted)).all()):
            yield ops
    yield from _rounded_readings(x, some, wanted)


def _rounded_readings(x: Array, some: Array, wanted: Array) -> Iterator[tuple[Op, ...]]:
    """Ways to misread `x` that give `y` rounded to the format which the bytes really are: the reference was never rounded."""
    for ops, kept in _narrow_ways(name_of(x.dtype)):
        if dtype_of(kept).itemsize >= wanted.dtype.itemsize or wanted.dtype.kind != "f":
            continue
        found = [some]
        with np.errstate(all="ignore"):
            for op in ops:
                found = op.apply(found)
            rounded = wanted.astype(dtype_of(kept))
        if rounded.any() and bool((bits(found[0]) == bits(rounded)).all()):
            yield ops


@lru_cache(maxsize=64)
def _narrow_ways(old: str) -> tuple[tuple[tuple[Op, ...], str], ...]:
    """Misreadings of dtype `old` with the narrow format that they lead to."""
    ways: list[tuple[tuple[Op, ...], str]] = []
    if old in _HALVES:
        ways.append(((Byteswap(),), old))
        ways += [((Reinterpret(read, old),), read) for read in _HALVES if read != old]
    elif old in ("float32", "float64"):  # wide now, misread as halves once
        for kept in _HALVES:
            ways.append(((Cast(kept, old), Byteswap()), kept))
            ways += [
                ((Cast(kept, old), Reinterpret(read, kept)), read)
                for read in _HALVES
                if read != kept
            ]
    return tuple(ways)


@lru_cache(maxsize=256)
def _ways(old: str, new: str) -> tuple[tuple[Op, ...], ...]:
    """Misreadings of dtype `old` that end, perhaps after a cast, in dtype `new`."""
    return tuple(_each_way(old, new))


def _each_way(old: str, new: str) -> Iterator[tuple[Op, ...]]:
    for read in next((group for group in _ALIKE if old in group), ()):
        if read != old:
            yield (Reinterpret(read, old), *_cast(read, new))
    yield (Byteswap(), *_cast(old, new))
    if (
        dtype_of(old).itemsize > 2 and dtype_of(new).itemsize > 2
    ):  # both wide now, misread as halves once
        for kept in _HALVES:
            yield (Cast(kept, old), Byteswap(), Cast(new, kept))
            for read in _HALVES:
                if read != kept:
                    yield (Cast(kept, old), Reinterpret(read, kept), Cast(new, read))


def _cast(old: str, new: str) -> tuple[Op, ...]:
    return (Cast(new, old),) if old != new else ()
