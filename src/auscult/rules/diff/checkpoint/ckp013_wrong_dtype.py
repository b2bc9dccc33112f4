"""Bytes were read as another number type or in another byte order.

**What it finds.** Tensors whose bytes, read as bfloat16 instead of float16 (or the reverse), as
integers, or in the other byte order, are the other side's; tensors read as float32 whose bytes are
float16 values or ggml's quantised blocks.

**What you hear.** Noise, or NaN and then silence: magnitudes are off by many orders.

**Why it happens.** numpy has no bfloat16, and a home-made reader takes the 16 bits for float16;
big-endian data are read as little-endian; a runtime takes every tensor for float32.

**Blind spots.** Needs a reference for certainty; without one, absurd magnitudes are reported by
`inspect`.

**How it is measured.** The same bytes under another type equal the other side bit for bit, or within
the error of that type where the other side was never rounded to it. No threshold.

**Example.** The two bytes of each bfloat16 are taken for a float16:

    np.frombuffer(data, np.float16)  # wrong
    np.frombuffer(data, np.uint16).view(ml_dtypes.bfloat16)  # right

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
FIRST_VALUES = 1024
"""Values that are compared before all. Chosen for speed: it decides nothing."""


def measure(source: Array, target: Array) -> Op | None:
    """The reading of the source's bytes that gives the target bit for bit, or None."""
    itemsize = source.dtype.itemsize
    if source.shape != target.shape or itemsize != target.dtype.itemsize or source.size == 0:
        return None
    if source.size > FIRST_VALUES:
        heads = source.ravel()[:FIRST_VALUES], target.ravel()[:FIRST_VALUES]
        if measure(*heads) is None:
            return None
    source, target_bytes = np.ascontiguousarray(source), np.ascontiguousarray(target).tobytes()
    if source.dtype != target.dtype and source.tobytes() == target_bytes:
        return Reinterpret(target.dtype.name, source.dtype.name)
    is_same_dtype = source.dtype == target.dtype and itemsize > 1
    if is_same_dtype and source.byteswap().tobytes() == target_bytes:
        return Byteswap()
    return None


def claim(subject: DiffSubject, items: OpenItems) -> Iterable[ClaimedPlace]:
    yield from find_caused_places(subject, NAME)
    if subject.compares_shapes:
        return
    for match in items.unequal_matches:
        if match.cause is None and len(match.a) == len(match.b) == 1:
            source = subject.source[subject.source_names(match)[0]]
            target = subject.target[subject.target_names(match)[0]]
            op = measure(source.numpy(), target.numpy())
            if op is not None:
                yield ClaimedPlace(match.b, match, {"op": op.to_json()})


check = make_check(
    CODE,
    NAME,
    "bytes were read as another number type or byte order",
    severity=make_constant_severity(Severity.ERROR),
    rank=6,
    summary="read the bytes as what they are",
)
