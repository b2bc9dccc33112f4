"""Do some values look as if their bytes had been read as the wrong number type?

Weights lie within a few powers of two of their typical magnitude. Bytes of another type, read as floats, scatter over dozens
of powers of two, because what are digits there becomes the exponent here. Measured on the magnitudes' binary logarithm: a
normal distribution has a standard deviation of 1.6, Student's t with 3 degrees of freedom and rows of unequal gain 2.2;
float16 pairs read as float32 have 13, int8 blocks 60.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from math import isfinite, log2, sqrt

MIN_SCATTERED_SPREAD = 6.0
"""Standard deviation of log2 of the magnitudes from which values are no weights as they stand; see above."""
MAX_WEIGHT_SPREAD = 3.5
"""Standard deviation of log2 of the magnitudes up to which values may be weights; see above."""
LEAST_MEAN, LARGEST_MEAN = -20.0, 6.0
"""Mean of log2 of the magnitudes that weights have. Chosen, not measured."""
MIN_VALUES = 32
"""Values below which scatter says too little. Chosen, not measured."""

_CODE_OF_DTYPE = {"float16": "e", "float32": "f", "float64": "d"}


def measure_spread(values: Sequence[float]) -> tuple[float, float] | None:
    """(mean, standard deviation) of log2 of the magnitudes that are finite and not zero; None where these are too few."""
    logs = [log2(abs(value)) for value in values if value and isfinite(value)]
    if len(logs) < MIN_VALUES:
        return None
    mean = sum(logs) / len(logs)
    return mean, sqrt(sum((log - mean) ** 2 for log in logs) / len(logs))


def are_scattered(values: Sequence[float]) -> bool:
    """Whether values scatter over more powers of two than weights do."""
    spread = measure_spread(values)
    return spread is not None and spread[1] >= MIN_SCATTERED_SPREAD


def look_like_weights(values: Sequence[float]) -> bool:
    """Whether all values are finite, and within the range and the scatter of weights."""
    spread = measure_spread(values)
    return (
        spread is not None
        and all(map(isfinite, values))
        and spread[1] <= MAX_WEIGHT_SPREAD
        and LEAST_MEAN <= spread[0] <= LARGEST_MEAN
    )


def find_better_reading(dtype: str, values: Sequence[float]) -> str | None:
    """The type as which the bytes of these scattered values look like weights, in words; None where none does.

    Args:
        dtype: The type as which they were read: `float16`, `bfloat16`, `float32` or `float64`.
    """
    if not are_scattered(values):
        return None
    for label, other_values in _iter_readings(dtype, values):
        if look_like_weights(other_values):
            return label
    return None


def _iter_readings(dtype: str, values: Sequence[float]) -> Iterator[tuple[str, Sequence[float]]]:
    """Other readings of the same bytes, each with its name."""
    data = _pack(dtype, values)
    if data is None:
        return
    if dtype in {"float32", "float64"}:
        yield "float16", struct.unpack(f"<{len(data) // 2}e", data)
    if dtype == "float32" and not any(data[0::4]) and not any(data[1::4]):
        halves = bytearray(len(data) // 2)
        halves[0::2], halves[1::2] = data[2::4], data[3::4]
        yield "float16", struct.unpack(f"<{len(halves) // 2}e", halves)
    if dtype == "float16":
        yield "bfloat16", _unpack_bfloat16(data)
    if dtype == "bfloat16":
        yield "float16", struct.unpack(f"<{len(data) // 2}e", data)
        yield "bfloat16 in the other byte order", _unpack_bfloat16(_swap_halves(data))
    elif dtype in _CODE_OF_DTYPE:
        code = _CODE_OF_DTYPE[dtype]
        yield f"{dtype} in the other byte order", struct.unpack(f">{len(values)}{code}", data)


def _pack(dtype: str, values: Sequence[float]) -> bytes | None:
    """The bytes from which the values were read, least significant first."""
    if dtype == "bfloat16":
        wide = struct.pack(f"<{len(values)}f", *values)
        data = bytearray(len(wide) // 2)
        data[0::2], data[1::2] = wide[2::4], wide[3::4]
        return bytes(data)
    if dtype in _CODE_OF_DTYPE:
        return struct.pack(f"<{len(values)}{_CODE_OF_DTYPE[dtype]}", *values)
    return None


def _unpack_bfloat16(data: bytes) -> Sequence[float]:
    wide = bytearray(2 * len(data))
    wide[2::4], wide[3::4] = data[0::2], data[1::2]
    return struct.unpack(f"<{len(wide) // 4}f", wide)


def _swap_halves(data: bytes) -> bytes:
    swapped = bytearray(len(data))
    swapped[0::2], swapped[1::2] = data[1::2], data[0::2]
    return bytes(swapped)
