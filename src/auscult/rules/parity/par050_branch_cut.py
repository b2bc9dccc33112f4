"""Angles differ by whole turns.

**What it finds.** Differences of 2π at places where atan2 jumps, often DC and Nyquist.

**What you hear.** Nothing, if only sine and cosine of the angle are used; otherwise phase noise.

**Why it happens.** atan2(-0, -x) is -π, atan2(0, -x) is π.

**Blind spots.** None known.

**How it is measured.** The mistake is applied to what the reference took or knew at that place; it counts only if it
gives the candidate's output within the noise floor, and if no simpler mistake does. Others that do so as simply are
named as rivals.

**Fix.** The reference's form, as a hint for the code. Safety: lossy (equal within the number format).

**References.** IEEE 754-2019, atan2.
"""

from __future__ import annotations

from collections.abc import Iterable

from auscult.finding import Finding, Severity
from auscult.rules.explained import iter_parity_findings
from auscult.rules.parity.subject import CompareSubject

CODE = "PAR050"
NAME = "branch-cut"
REQUIRES = CompareSubject


def check(subject: CompareSubject) -> Iterable[Finding]:
    yield from iter_parity_findings(subject, CODE, NAME, severity=Severity.WARNING, rank=30)
