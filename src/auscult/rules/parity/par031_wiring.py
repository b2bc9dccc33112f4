"""Another tensor is used.

**What it finds.** The candidate's input can be written from known tensors, but from others than the reference's.

**What you hear.** Anything.

**Why it happens.** A variable overwritten too early or too late.

**Blind spots.** The shortest way to write a tensor need not be the code's own.

**How it is measured.** The mistake is applied to what the reference took or knew at that place; it counts only if it
gives the candidate's output within the noise floor, and if no simpler mistake does. Others that do so as simply are
named as rivals.

**Fix.** The reference's form, as a hint for the code. Safety: lossy (equal within the number format).
"""

from __future__ import annotations

from collections.abc import Iterable

from auscult.finding import Finding
from auscult.rules.explained import iter_parity_findings
from auscult.rules.parity.subject import CompareSubject

CODE = "PAR031"
NAME = "wiring"
REQUIRES = CompareSubject


def check(subject: CompareSubject) -> Iterable[Finding]:
    yield from iter_parity_findings(subject, CODE, NAME, rank=28)
