"""Fingerprints of weights as text, so that modules of two traces can be matched by what they
own.
"""

from __future__ import annotations

from math import isclose

from auscult.align.fingerprint import compute_fingerprint, to_native_order
from auscult.traces.statistics import measure_mean_and_rms
from auscult.weights import Array

CLOSE_TOLERANCE = 2e-2


def fingerprint_content(array: Array) -> str:
    """`SIZE:WIDTH:SUM:HIGH:LOW` of the bit patterns (see `auscult.align.fingerprint`), then
    `MEAN:RMS` of the values.

    No reordering of axes changes it. The first five tell exactly equal content; the last two
    survive a change of precision.
    """
    array = to_native_order(array)
    size, width, total, high, low = compute_fingerprint(array)
    mean, rms = measure_mean_and_rms(array)
    return f"{size}:{width}:{total:x}:{high:x}:{low:x}:{mean:.7g}:{rms:.7g}"


def is_same_content(a: str, b: str) -> bool:
    """Whether two fingerprints are those of exactly the same elements, in whatever order."""
    return a.split(":")[:5] == b.split(":")[:5]


def is_close_content(a: str, b: str, tolerance: float = CLOSE_TOLERANCE) -> bool:
    """Whether they may be the same content in two number formats: equal size, mean and rms within
    `tolerance` of the rms.
    """
    first, second = a.split(":"), b.split(":")
    rms = float(first[6])
    return first[0] == second[0] and all(
        isclose(float(x), float(y), rel_tol=0, abs_tol=tolerance * rms)
        for x, y in zip(first[5:], second[5:], strict=True)
    )
