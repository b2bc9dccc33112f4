"""Reported figures that no pair of signals can have.

**What it finds.** SNR, RMS ratio and correlation that contradict each other, in the claims of a
trainer or in the lines of a log.

**What you hear.** Nothing; but decisions are taken on figures of which at least one is computed
wrongly.

**Why it happens.** SNR of other signals than the ratio (before and after normalisation, another
segment), a ratio with the DC offset in it, a sign, figures written by hand.

**Example.** Wrong and right:

```python
ratio = output.std() / target.std()              # wrong: without the mean, while the SNR has it
snr = snr_db(output, target)

output, target = output - output.mean(), target - target.mean()  # right: both of the same samples
ratio, snr = output.std() / target.std(), snr_db(output, target)
```

**Blind spots.** Figures that are averages over items need not fit exactly, hence the tolerances.
Wrong figures that fit each other.

**How it is measured.** For RMS ratio r and correlation ρ: SNR = -10 log10(1 + r² - 2ρr), so r alone
allows -20 log10(1 + r) to -20 log10|1 - r|. Reported beyond that by more than 1 dB
(`MAX_EXCESS_DB`), or by more than 3 dB (`MAX_TRIPLE_DB`) beyond what r and ρ allow together; a
correlation about the means allows everything between 0 and itself.

**Fix.** Compute all figures on the same samples. Safety: safe.

**References.** devasphn/NewProject at 1c72334: -15 dB at ratio 1.4, where the worst is -7.6 dB.
"""

from __future__ import annotations

from collections.abc import Iterable

from auscult.facts.words import format_count
from auscult.finding import Finding, Severity
from auscult.preflight_checks.checks.metrics import (
    MAX_EXCESS_DB,
    MAX_TRIPLE_DB,
    Contradiction,
    find_contradiction,
)
from auscult.rules.training.subject import PreflightSubject

CODE = "TRN017"
NAME = "metrics-inconsistent"
REQUIRES = PreflightSubject
TOLERANCES_DB = (MAX_EXCESS_DB, MAX_TRIPLE_DB)
MAX_SHOWN_CLAIMS = 3
"""Claims that a message shows. Chosen, not measured."""


def check(subject: PreflightSubject) -> Iterable[Finding]:
    claims = subject.measured.claims
    wrong_claims = [
        (claim, conflict) for claim in claims if (conflict := find_contradiction(claim)) is not None
    ]
    if not wrong_claims:
        return
    shown_text = "; ".join(
        f"{claim.where}: {_explain_contradiction(conflict)}"
        for claim, conflict in wrong_claims[:MAX_SHOWN_CLAIMS]
    )
    if len(wrong_claims) > MAX_SHOWN_CLAIMS:
        more_note = f"; and {len(wrong_claims) - MAX_SHOWN_CLAIMS} more"
    else:
        more_note = ""
    yield Finding(
        CODE,
        NAME,
        Severity.ERROR,
        tuple(claim.where for claim, _ in wrong_claims),
        f"{format_count(len(wrong_claims), 'report')} of {len(claims)} that no pair of signals "
        f"can have. {shown_text}{more_note}",
        evidence={
            claim.where: [claim.snr_db, claim.rms_ratio, claim.correlation]
            for claim, _ in wrong_claims
        },
        rank=38,
    )


def _explain_contradiction(conflict: Contradiction) -> str:
    if conflict.by == "a correlation":
        return f"a correlation of {conflict.snr_db:g}"
    if conflict.snr_db > conflict.highest_db:
        allowed_text = f"at most {conflict.highest_db:.1f}"
    else:
        allowed_text = f"at least {conflict.lowest_db:.1f}"
    return f"{conflict.snr_db:g} dB, where {conflict.by} allows {allowed_text} dB"
