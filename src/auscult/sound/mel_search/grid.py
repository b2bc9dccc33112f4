"""The values that a search tries first: those that public systems use. What lies between them is
found by descent.
"""

from __future__ import annotations

import numpy as np

SAMPLE_RATES = (16000, 22050, 24000, 44100, 48000, 32000, 8000, 11025, 40000)
FFT_SIZES = (
    256,
    320,
    400,
    512,
    640,
    800,
    882,
    960,
    1024,
    1200,
    1280,
    1600,
    1764,
    1920,
    2048,
    2400,
    4096,
)
WINDOW_MS = (20.0, 25.0, 32.0, 40.0, 42.67, 46.44, 50.0, 64.0, 80.0, 92.88)
LOWEST_HZ = (0.0, 20.0, 30.0, 40.0, 50.0, 55.0, 60.0, 65.0, 70.0, 80.0, 90.0, 95.0, 100.0, 125.0)
HIGHEST_HZ = (
    3800.0,
    4000.0,
    5500.0,
    7000.0,
    7500.0,
    7600.0,
    7800.0,
    8000.0,
    10000.0,
    11000.0,
    11025.0,
    12000.0,
    14000.0,
)
HIGHEST_HZ_WIDE = (15000.0, 16000.0, 18000.0, 20000.0, 22050.0, 24000.0)
WINDOWS = ("hann", "hann-symmetric", "hamming", "hamming-symmetric", "povey", "rectangular")
PADDINGS = ("centre", "hop", "none")
CLIPS = (
    1e-5,
    1e-10,
    1e-7,
    1e-6,
    1e-8,
    1e-9,
    1e-4,
    1e-3,
    1e-12,
    1e-2,
    1e-1,
    1.0,
    2.0**-23,
    2.0**-24,
)
PRE_EMPHASES = (0.0, 0.97, 0.95, 0.9, 0.85)
INSIDE_ROOTS = (0.0, 1e-9, 1e-6, 1e-5, 1e-7, 1e-8, 1e-10)
BAND_COUNTS = (
    20,
    23,
    24,
    26,
    32,
    36,
    40,
    48,
    60,
    64,
    72,
    80,
    96,
    100,
    112,
    120,
    128,
    160,
    192,
    200,
    229,
    256,
    320,
    512,
)
RANGES_DB = (80.0, 60.0, 70.0, 90.0, 100.0, 115.0, 120.0)
MULTIPLIERS = (1.0, 0.25, 0.5, 0.01, 0.1, 0.2, 0.05, 2.0, 4.0, 0.125, 1 / 80, 1 / 40, 0.08, 0.04)


def list_upper_edges(sample_rate: int) -> tuple[float, ...]:
    """Upper edges that make sense at that rate, in Hz."""
    values = {*HIGHEST_HZ, *HIGHEST_HZ_WIDE, sample_rate / 2}
    return tuple(sorted(value for value in values if value <= sample_rate / 2))


def list_windows(sample_rate: int, hop: int) -> tuple[int, ...]:
    """Lengths of window that make sense at that rate and hop, in samples."""
    by_time = {round(ms * sample_rate / 1000) for ms in WINDOW_MS}
    by_hop = {hop * times for times in (1, 2, 3, 4, 5, 6, 8)}
    candidate_sizes = {*FFT_SIZES, *by_time, *by_hop}
    return tuple(
        sorted(size for size in candidate_sizes if hop <= size * 2 and 128 <= size <= 4096)
    )


def list_transforms(window: int) -> tuple[int, ...]:
    """Lengths of transform for a window, in samples."""
    power = 2 ** int(np.ceil(np.log2(window)))
    return tuple(
        sorted({window, power, 2 * power, *(size for size in FFT_SIZES if size >= window)} - {8192})
    )
