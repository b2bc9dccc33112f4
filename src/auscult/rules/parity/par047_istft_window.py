"""The inverse STFT has another window.

**What it finds.** Periodic against symmetric Hann, or none.

**What you hear.** A faint tone at the frame rate.

**Why it happens.** scipy's and torch's defaults differ.

**Blind spots.** Other windows than Hann are not tried.

**How it is measured.** The mistake is applied to what the reference took or knew at that place; it counts only if it
gives the candidate's output within the noise floor, and if no simpler mistake does. Others that do so as simply are
named as rivals.

**Fix.** The reference's form, as a hint for the code. Safety: lossy (equal within the number format).

**References.** scipy.signal.get_window.
"""

from __future__ import annotations

from collections.abc import Iterable

from auscult.finding import Finding
from auscult.rules.explained import iter_parity_findings
from auscult.rules.parity.subject import CompareSubject

CODE = "PAR047"
NAME = "istft-window"
REQUIRES = CompareSubject


def check(subject: CompareSubject) -> Iterable[Finding]:
    yield from iter_parity_findings(subject, CODE, NAME, rank=22)
