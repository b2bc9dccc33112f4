"""BigVGAN's filter around its activations, as the taps of two phases: numpy only.

An activation runs at twice the rate. The samples between, and the way back, are filters of stride 2: what they compute
for even and odd samples is two short filters at the original rate, so that nothing is ever computed for the zeros between.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from auscult.errors import CheckpointError

DEFAULT_TAPS = 12
"""Of the published models; a file without the filters is taken to have as many. Defined by NVIDIA/BigVGAN act.py."""
RATIO = 2
Taps = NDArray[np.float32]


def make_filter(taps: int = DEFAULT_TAPS) -> Taps:
    """The low-pass filter [taps] of a cutoff of a quarter of the doubled rate: a Kaiser-windowed sinc of sum 1.

    Source: NVIDIA/BigVGAN alias_free_activation/torch/filter.py (`kaiser_sinc_filter1d`).
    """
    cutoff, half_width, half = 0.5 / RATIO, 0.6 / RATIO, taps // 2
    attenuation = 2.285 * (half - 1) * np.pi * 4 * half_width + 7.95
    if attenuation > 50.0:
        beta = 0.1102 * (attenuation - 8.7)
    elif attenuation >= 21.0:
        beta = 0.5842 * (attenuation - 21) ** 0.4 + 0.07886 * (attenuation - 21.0)
    else:
        beta = 0.0
    time = np.arange(-half, half) + 0.5
    values = 2 * cutoff * np.kaiser(taps, beta) * np.sinc(2 * cutoff * time)
    return (values / values.sum()).astype(np.float32)


def split_upsampling(taps: Taps) -> Taps:
    """The upsampling filter as [2 phases, taps / 2 + 1] at the original rate, for samples padded by `count_padding`.

    Row 0 gives the even samples of the doubled rate, row 1 the odd ones; the gain of 2 is in it.
    """
    reach = _count_phase_taps(taps)
    phases = np.zeros((RATIO, reach + 1), np.float32)
    phases[0, :reach] = RATIO * taps[::-1][0::2]
    phases[1, 1:] = RATIO * taps[::-1][1::2]
    return phases


def split_downsampling(taps: Taps) -> Taps:
    """The downsampling filter as [2 phases, taps / 2 + 1], to be summed over both phases."""
    reach = _count_phase_taps(taps)
    phases = np.zeros((RATIO, reach + 1), np.float32)
    phases[0, 1:] = taps[1::2]
    phases[1, :reach] = taps[0::2]
    return phases


def count_padding(taps: Taps) -> int:
    """Samples that the two filters need beyond each end, at the original rate."""
    return _count_phase_taps(taps) // 2


def _count_phase_taps(taps: Taps) -> int:
    """Taps of one phase.

    Raises:
        CheckpointError: If the number of taps is none that splits so.
    """
    if len(taps) % 4:
        raise CheckpointError(
            "anti-aliasing filters of this length are not known",
            expected="a multiple of 4 taps, such as BigVGAN's 12",
            found=len(taps),
        )
    return len(taps) // RATIO
