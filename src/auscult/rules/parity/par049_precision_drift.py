"""A running sum loses precision.

**What it finds.** A cumulative sum, such as a phase, kept in a coarser format.

**What you hear.** Pitch that goes off and roughness that grows with time.

**Why it happens.** float16 has 11 bits: after a few hundred cycles the phase is gone.

**Blind spots.** Sums modulo other numbers than 1 and 2π.

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

CODE = "PAR049"
NAME = "precision-drift"
REQUIRES = CompareSubject


def check(subject: CompareSubject) -> Iterable[Finding]:
    yield from iter_parity_findings(subject, CODE, NAME, rank=19)
