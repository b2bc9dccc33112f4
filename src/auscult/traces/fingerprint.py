"""Fingerprints of weights, so that modules of two traces can be matched by what they own.

A manifest holds them as text: `SIZE:WIDTH:SUM:HIGH:LOW` of the bit patterns (see
`auscult.align.fingerprint`), then `MEAN:RMS` of the values. No reordering of axes changes it.
"""

from __future__ import annotations

from functools import lru_cache
from math import isclose
from typing import NamedTuple

from auscult.align.fingerprint import compute_fingerprint, to_native_order
from auscult.traces.statistics import measure_mean_and_rms
from auscult.weights import Array

CLOSE_TOLERANCE = 2e-2
"""How far mean and rms of one content in two number formats may lie apart, relative to the rms.

Chosen, not measured.
"""


class ContentFingerprint(NamedTuple):
    """What a fingerprint says of a tensor.

    Attributes:
        size: How many elements it has.
        width: Bytes of an element.
        total, high, low: Sum, largest and smallest of the bit patterns, in hexadecimal digits.
        mean, rms: Of the values: they survive a change of the number format.
    """

    size: int
    width: int
    total: str
    high: str
    low: str
    mean: float
    rms: float

    @property
    def exact(self) -> tuple[int, int, str, str, str]:
        """Equal for exactly the same elements, in whatever order."""
        return self.size, self.width, self.total, self.high, self.low

    @property
    def is_constant(self) -> bool:
        """Whether all elements are the same."""
        return self.high == self.low

    def is_close(self, other: ContentFingerprint, tolerance: float = CLOSE_TOLERANCE) -> bool:
        """Whether the other may be the same content in another number format: of equal size, with
        mean and rms within `tolerance` of this one's rms.
        """
        limit = tolerance * self.rms
        return (
            self.size == other.size
            and isclose(self.mean, other.mean, rel_tol=0, abs_tol=limit)
            and isclose(self.rms, other.rms, rel_tol=0, abs_tol=limit)
        )


def fingerprint_content(array: Array) -> str:
    """The fingerprint of a tensor as the text that a manifest holds."""
    array = to_native_order(array)
    size, width, total, high, low = compute_fingerprint(array)
    mean, rms = measure_mean_and_rms(array)
    return f"{size}:{width}:{total:x}:{high:x}:{low:x}:{mean:.7g}:{rms:.7g}"


@lru_cache(maxsize=1 << 14)
def parse_fingerprint(text: str) -> ContentFingerprint:
    """The fingerprint behind its text."""
    size, width, total, high, low, mean, rms = text.split(":")
    return ContentFingerprint(int(size), int(width), total, high, low, float(mean), float(rms))


def is_same_content(a: str, b: str) -> bool:
    """Whether two texts are fingerprints of exactly the same elements, in whatever order."""
    return parse_fingerprint(a).exact == parse_fingerprint(b).exact
