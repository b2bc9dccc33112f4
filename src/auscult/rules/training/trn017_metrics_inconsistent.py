"""Reported figures that no pair of signals can have.

**What it finds.** SNR, RMS ratio and correlation that contradict each other, in the claims of a trainer or in the lines of a
log.

**What you hear.** Nothing; but decisions are taken on figures of which at least one is computed wrongly.

**Why it happens.** SNR of other signals than the ratio (before and after normalisation, another segment), a ratio with the DC
offset in it, a sign, figures written by hand.

**Blind spots.** Figures that are averages over items need not fit exactly, hence the tolerances. Wrong figures that fit each
other.

**How it is measured.** For RMS ratio r and correlation ρ: SNR = -10 log10(1 + r² - 2ρr), so r alone allows -20 log10(1 + r)
to -20 log10|1 - r|. Reported beyond that by more than 1 dB (`MAX_EXCESS_DB`), or by more than 3 dB (`MAX_TRIPLE_DB`) beyond
what r and ρ allow together; a correlation about the means allows everything between 0 and itself.

**Fix.** Compute all figures on the same samples. Safety: safe.

**References.** devasphn/NewProject at 1c72334: -15 dB at ratio 1.4, where the worst is -7.6 dB.
"""

from __future__ import annotations

from collections.abc import Iterable

from auscult.facts.words import counted
from auscult.finding import Finding, Severity
from auscult.preflight_checks.checks.metrics import (
    MAX_EXCESS_DB,
    MAX_TRIPLE_DB,
    Contradiction,
    contradiction,
)
from auscult.rules.training.subject import PreflightSubject

CODE = "TRN017"
NAME = "metrics-inconsistent"
REQUIRES = PreflightSubject
TOLERANCES_DB = (MAX_EXCESS_DB, MAX_TRIPLE_DB)
MAX_SHOWN = 3


def check(subject: PreflightSubject) -> Iterable[Finding]:
    claims = subject.measured.claims
    wrong = [(claim, found) for claim in claims if (found := contradiction(claim)) is not None]
    if not wrong:
        return
    said = "; ".join(f"{claim.where}: {_why(found)}" for claim, found in wrong[:MAX_SHOWN])
    more = f"; and {len(wrong) - MAX_SHOWN} more" if len(wrong) > MAX_SHOWN else ""
    yield Finding(
        CODE,
        NAME,
        Severity.ERROR,
        tuple(claim.where for claim, _ in wrong),
        f"{counted(len(wrong), 'report')} of {len(claims)} that no pair of signals can have. {said}{more}",
        evidence={
            claim.where: [claim.snr_db, claim.rms_ratio, claim.correlation] for claim, _ in wrong
        },
        rank=38,
    )


def _why(found: Contradiction) -> str:
    if found.by == "a correlation":
        return f"a correlation of {found.snr_db:g}"
    allowed = (
        f"at most {found.highest_db:.1f}"
        if found.snr_db > found.highest_db
        else f"at least {found.lowest_db:.1f}"
    )
    return f"{found.snr_db:g} dB, where {found.by} allows {allowed} dB"
