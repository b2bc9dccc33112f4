"""Whether one part of a sound can be heard beside the rest of it: a simple model of masking.

Source: the ear model of ITU-R BS.1387 (PEAQ), basic version: what masks a band is the sound in all
bands, spread by 27 dB a Bark towards lower ones and by 24 + 230 / f - 0.2 L dB a Bark towards
higher ones, less 3 dB up to 12 Bark and 0.25 dB a Bark above. The threshold in quiet is that of
Terhardt (1979), the sounding frames being played at 73 dB SPL, the level that ITU-T P.800 has
people listen at with both ears. A noise is heard that is `HEARD_DB` = 1.5 dB above the threshold of
its band, which is where BS.1387 begins to count a frame as disturbed.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]

HEARD_DB = 1.5
"""A noise is heard that is this far above the threshold of its band.

Defined by ITU-R BS.1387, which begins to count a frame as disturbed there.
"""
LISTENING_DB = 73.0
"""Level of the mean frame, in dB SPL.

Defined by ITU-T P.800: the level at which people listen with both ears.
"""
BANDS_PER_BARK = 2
"""Bands per Bark in which masking is computed. Chosen, not measured."""
LOWER_SLOPE_DB = 27.0
"""By how much a masker's effect falls per Bark towards lower frequencies.

Defined by ITU-R BS.1387.
"""
TYPICAL_BAND_DB = 60.0
"""Level for which the upper slope is taken, in dB SPL. Chosen, not measured."""


def noise_to_mask_db(power: Floats, share: Floats, sample_rate: int) -> tuple[Doubles, Doubles]:
    """How far the noise in each band is above what can be heard, mean over time; and the middle of
    each band in Hz.

    Args:
        power: Of frames, [frames, bins], bins from 0 to half the sample rate.
        share: Of each bin's power that is the noise, [bins].
    """
    centres, starts, spread, offset, quiet = _compute_bark_bands(power.shape[1], sample_rate)
    total = np.add.reduceat(power, starts, axis=1)
    noise = np.add.reduceat(power * share, starts, axis=1)
    scale = np.float32(
        10.0 ** (LISTENING_DB / 10) / max(float(total.sum(axis=1, dtype=np.float64).mean()), 1e-20)
    )
    mask = ((total - noise) * scale) @ spread * offset + quiet
    ratio = (noise * scale / mask).mean(axis=0, dtype=np.float64)
    return 10 * np.log10(np.maximum(ratio, 1e-20)), centres


@cache
def _compute_bark_bands(
    bins: int, sample_rate: int
) -> tuple[Doubles, NDArray[np.intp], Floats, Floats, Floats]:
    """Centres in Hz, first bins, spreading [from, to], masking below the masker, and threshold in
    quiet, as power ratios.
    """
    hertz = np.linspace(0, sample_rate / 2, bins)
    number = (7 * np.arcsinh(hertz / 650) * BANDS_PER_BARK).astype(int)
    used, starts = np.unique(number, return_index=True)
    bark = (used + 0.5) / BANDS_PER_BARK
    centres = 650 * np.sinh(bark / 7)
    up = bark[None, :] - bark[:, None]
    upper_slope = 24 + 230 / centres - 0.2 * TYPICAL_BAND_DB
    spread = np.where(up < 0, LOWER_SLOPE_DB * up, -upper_slope[:, None] * up)
    khz = np.maximum(centres, 20) / 1000
    quiet = 3.64 * khz**-0.8 - 6.5 * np.exp(-0.6 * (khz - 3.3) ** 2) + 1e-3 * khz**4
    offset = -np.where(bark <= 12, 3.0, 0.25 * bark)
    ratios = (np.asarray(10.0 ** (db / 10), np.float32) for db in (spread, offset, quiet))
    return centres, starts, *ratios  # type: ignore[return-value]
