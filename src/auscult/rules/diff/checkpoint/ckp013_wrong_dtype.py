"""Bytes were read as another number type or in another byte order.

**What it finds.** Tensors whose bytes, read as bfloat16 instead of float16 (or the reverse), as integers, or in the other
byte order, are the other side's.

**What you hear.** Noise, or NaN and then silence: magnitudes are off by many orders.

**Why it happens.** numpy has no bfloat16, and a home-made reader takes the 16 bits for float16; big-endian data are read
as little-endian.

**Blind spots.** Needs a reference for certainty; without one, absurd magnitudes are reported by `inspect`.

**How it is measured.** The same bytes under another type equal the other side bit for bit. No threshold.

**Fix.** Read the bytes as what they are, as a recipe; every bit is kept. Safety: safe.

**References.** ml_dtypes.bfloat16; numpy.ndarray.byteswap.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from auscult.finding import Severity
from auscult.recipe.op import Op
from auscult.recipe.ops.byteswap import Byteswap
from auscult.recipe.ops.reinterpret import Reinterpret
from auscult.rules.diff.claims import OpenItems
from auscult.rules.diff.evidence.operations import (
    find_caused_places,
    make_check,
    make_constant_severity,
)
from auscult.rules.diff.subject import ClaimedPlace, DiffSubject
from auscult.weights import Array

CODE = "CKP013"
NAME = "wrong-dtype"
REQUIRES = DiffSubject
PRECEDENCE = 45
DIVERGES = True


def measure(a: Array, b: Array) -> Op | None:
    """The reading of a's bytes that gives b bit for bit, or None."""
    if a.shape != b.shape or a.dtype.itemsize != b.dtype.itemsize or a.size == 0:
        return None
    array_a, array_b = np.ascontiguousarray(a), np.ascontiguousarray(b)
    if array_a.dtype != array_b.dtype and array_a.tobytes() == array_b.tobytes():
        return Reinterpret(array_b.dtype.name, array_a.dtype.name)
    if (
        array_a.dtype == array_b.dtype
        and array_a.dtype.itemsize > 1
        and array_a.byteswap().tobytes() == array_b.tobytes()
    ):
        return Byteswap()
    return None


def claim(subject: DiffSubject, items: OpenItems) -> Iterable[ClaimedPlace]:
    yield from find_caused_places(subject, NAME)
    if subject.b_is_template:
        return
    for match in items.unequal_matches:
        if match.cause is None and len(match.a) == len(match.b) == 1:
            op = measure(subject.a[match.a[0]].numpy(), subject.b[match.b[0]].numpy())
            if op is not None:
                yield ClaimedPlace(match.a, match, {"op": op.to_json()})


check = make_check(
    CODE,
    NAME,
    "bytes were read as another number type or byte order",
    severity=make_constant_severity(Severity.ERROR),
    rank=6,
    summary="read the bytes as what they are",
)
