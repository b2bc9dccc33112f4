"""Traces of the integers that samples once were: their step, their byte order, their scale."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

LOUD_PART_SAMPLES = 16384
"""Samples that are enough to tell. Chosen, not measured."""
GRID_TOLERANCE = 1e-3
"""Steps of 16 bits by which a sample may be off the grid. Chosen, not measured."""
MIN_SANE_SHARE = 0.999
"""Share of the samples that have to be reasonable once their bytes are turned round.

Chosen, not measured.
"""
MAX_SANE_PEAK = 2.0
"""Absolute value below which a float is a reasonable sample. Chosen, not measured."""
MIN_SANE_SAMPLE = 1e-12
"""Absolute value above which a float that is not zero is a reasonable sample.

Chosen, not measured.
"""


def find_loud_part(channel: Floats, count: int = LOUD_PART_SAMPLES) -> Floats:
    """The stretch of `count` samples with the most energy, or all where there are fewer, [time]."""
    if len(channel) <= count:
        return channel
    blocks = channel[: len(channel) // count * count].reshape(-1, count)
    return np.asarray(blocks[int(np.einsum("bt,bt->b", blocks, blocks).argmax())])


def measure_roughness(samples: NDArray[np.float64]) -> float:
    """Root mean square of the first difference over that of the samples: 1.41 for white noise, near
    0 for a smooth sound.
    """
    scale = float(np.sqrt(np.mean(np.square(samples - samples.mean()))))
    if scale > 0:
        return float(np.sqrt(np.mean(np.square(np.diff(samples))))) / scale
    return 0.0


@dataclass(frozen=True)
class ByteSwap:
    """Roughness as read, and with the two bytes of every sample exchanged."""

    as_read: float
    swapped: float


def try_byte_swap(channel: Floats) -> ByteSwap | None:
    """What exchanging the bytes of 16-bit samples [time] does; None where the samples are not on
    the grid of 16 bits.
    """
    part = find_loud_part(channel).astype(np.float64) * 32768.0
    rounded = np.rint(part)
    if (
        len(part) < 64
        or np.abs(part - rounded).max() > GRID_TOLERANCE
        or np.abs(rounded).max() > 32768
    ):
        return None
    integers = np.clip(rounded, -32768, 32767).astype(np.int16)
    return ByteSwap(
        measure_roughness(integers.astype(np.float64)),
        measure_roughness(integers.byteswap().astype(np.float64)),
    )


def is_float_swapped(channel: Floats) -> bool:
    """Whether samples [time] that are absurd as 32-bit floats become a sound when their four bytes
    are turned round.
    """
    part = channel[: 4 * LOUD_PART_SAMPLES].astype(np.float32)
    swapped_samples = part.byteswap()
    with np.errstate(all="ignore"):
        is_sane = (
            np.isfinite(swapped_samples)
            & (np.abs(swapped_samples) < MAX_SANE_PEAK)
            & ((np.abs(swapped_samples) > MIN_SANE_SAMPLE) | (swapped_samples == 0))
        )
    return bool(
        len(part)
        and is_sane.mean() > MIN_SANE_SHARE
        and np.count_nonzero(swapped_samples) > len(swapped_samples) // 2
    )


def count_levels(channel: Floats) -> float:
    """How many levels there are between the peak and its negative, from the smallest gap between
    neighbouring values.
    """
    part = find_loud_part(channel, 4 * LOUD_PART_SAMPLES)
    values = np.unique(part)
    if len(values) < 3:
        return float(len(values))
    gaps = np.diff(values)
    gap = float(np.percentile(gaps, 5))
    if gap > 0:
        return float((values[-1] - values[0]) / gap) + 1
    return float("inf")
