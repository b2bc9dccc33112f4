"""At which times a sampler asks the model. Source of all formulas: stable-audio-tools 0.0.19, inference/sampling.py.

Times run from noise (1) to signal (0); the log signal-to-noise ratio of a flow at time t is ln((1 - t) / t).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from auscult.errors import UsageError

Times = NDArray[np.float64]

FIRST_LOGSNR = -6.0
LAST_LOGSNR = 2.0
TINY = 1e-6
"""What the reference adds to the signal-to-noise ratio of a start that is not pure noise."""


@dataclass(frozen=True)
class Shift:
    """The distribution shift: every step of a linear schedule gets less signal, the more so the longer the sequence.

    logSNR' = logSNR - amount(length), where the amount goes from `base` at `min_length` frames to `max` at `max_length`.
    """

    base: float = 0.5
    max: float = 1.15
    min_length: int = 256
    max_length: int = 4096

    def amount(self, length: int) -> float:
        """In nats of log signal-to-noise ratio."""
        share = (length - self.min_length) / (self.max_length - self.min_length)
        return self.base + (self.max - self.base) * share

    def apply(self, times: Times, length: int) -> Times:
        """Shifted times; 0 and 1 stay where they are."""
        times = np.asarray(times, np.float64)
        factor = math.exp(-self.amount(length))
        with np.errstate(divide="ignore"):
            odds = np.where(times < 1, times / np.where(times < 1, 1 - times, 1), np.inf)
        return np.asarray(1 - factor / (factor + odds), np.float64)


def logsnr(steps: int, start: float = 1.0) -> Times:
    """steps + 1 times, evenly spaced in log signal-to-noise ratio, the ends set to `start` and 0.

    Args:
        start: Share of noise at the beginning; below 1 where an initial sound is varied.
    """
    _check(steps, start)
    first = FIRST_LOGSNR if start >= 1 else math.log((1 - start) / start + TINY)
    times = 1 / (1 + np.exp(np.linspace(first, LAST_LOGSNR, steps + 1)))
    times[0], times[-1] = start, 0.0
    return np.asarray(times, np.float64)


def linear(steps: int, start: float = 1.0, shift: Shift | None = None, length: int = 256) -> Times:
    """steps + 1 evenly spaced times from `start` to 0, shifted where the model has a shift."""
    _check(steps, start)
    times = np.linspace(start, 0.0, steps + 1)
    return shift.apply(times, length) if shift else times


def polyexponential(
    steps: int, smallest: float = 0.01, largest: float = 100.0, rho: float = 1.0
) -> Times:
    """`steps` noise levels from `largest` to `smallest`, a power of `rho` in their logarithm, then 0 (k-diffusion)."""
    _check(steps, 1.0)
    if not 0 < smallest < largest:
        raise UsageError(
            "noise levels fall from the largest to the smallest",
            expected=f"above {smallest:g}",
            found=largest,
        )
    ramp = np.linspace(1.0, 0.0, steps) ** rho
    low, high = math.log(smallest), math.log(largest)
    return np.append(np.exp(ramp * (high - low) + low), 0.0)


def _check(steps: int, start: float) -> None:
    if steps < 1:
        raise UsageError("a sampler needs at least one step", found=steps)
    if not 0 < start <= 1:
        raise UsageError(
            "the share of noise at the start lies above 0 and at most at 1", found=start
        )
