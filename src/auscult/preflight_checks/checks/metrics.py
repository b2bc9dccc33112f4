"""Can a pair of signals have these figures?

SNR, RMS ratio r and correlation ρ are bound: SNR = -10 log10(1 + r² - 2ρr).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from auscult.preflight_checks.records import Claim

MAX_EXCESS_DB = 1.0
"""Beyond what r alone allows: rounding and means over items explain no more."""
MAX_TRIPLE_DB = 3.0
"""Beyond what r and ρ allow together: these may be means over items, whose SNRs do not average like
them.
"""


@dataclass(frozen=True)
class Contradiction:
    """A reported SNR, the range in dB that the other figures allow, and by which of them."""

    snr_db: float
    lowest_db: float
    highest_db: float
    by: str


def compute_snr(ratio: float, correlation: float) -> float:
    """SNR in dB of an output with that RMS ratio and correlation (both about zero) to its
    target.
    """
    error = 1 + ratio**2 - 2 * correlation * ratio
    return -10 * math.log10(max(error, 1e-20))


def find_contradiction(claim: Claim) -> Contradiction | None:
    """Why no pair of signals has these figures, or None where one may.

    A correlation about the means (Pearson) may be higher than the one about zero when the output
    has a DC offset, never lower in size: so every value between 0 and the reported one is allowed.
    """
    if claim.snr_db is None:
        return None
    snr, ratio, rho = claim.snr_db, claim.rms_ratio, claim.correlation
    if rho is not None and abs(rho) > 1.0 + 1e-6:
        return Contradiction(rho, -1.0, 1.0, "a correlation")
    if ratio is None:
        if rho is None:
            return None
        best = -10 * math.log10(max(1 - max(rho, 0.0) ** 2, 1e-20))
        return _check_range(snr, -math.inf, best, f"correlation {rho:g}", MAX_TRIPLE_DB)
    ratio_contradiction = _check_range(
        snr,
        compute_snr(ratio, -1.0),
        compute_snr(ratio, 1.0),
        f"RMS ratio {ratio:g}",
        MAX_EXCESS_DB,
    )
    if ratio_contradiction is not None or rho is None:
        return ratio_contradiction
    low, high = sorted((compute_snr(ratio, 0.0), compute_snr(ratio, rho)))
    return _check_range(
        snr, low, high, f"RMS ratio {ratio:g} and correlation {rho:g}", MAX_TRIPLE_DB
    )


def _check_range(
    snr: float, lowest: float, highest: float, by: str, tolerance: float
) -> Contradiction | None:
    if not lowest - tolerance <= snr <= highest + tolerance:
        return Contradiction(snr, lowest, highest, by)
    return None
