"""A number is too large for its format.

**What it finds.** Elements that are infinite, NaN or at 65504, where the reference is larger.

**What you hear.** Clicks, dropouts, silence.

**Why it happens.** float16 ends at 65504; squares, exponentials and Snake get there.

**Blind spots.** An overflow inside a fused layer is described, not reproduced.

**How it is measured.** The mistake is applied to what the reference took or knew at that place; it counts only if it
gives the candidate's output within the noise floor, and if no simpler mistake does. Others that do so as simply are
named as rivals.

**Fix.** The reference's form, as a hint for the code. Safety: lossy (equal within the number format).

**References.** IEEE 754-2019.
"""

from __future__ import annotations

from collections.abc import Iterable

from auscult.finding import Finding
from auscult.rules.explained import iter_parity_findings
from auscult.rules.parity.subject import CompareSubject

CODE = "PAR048"
NAME = "precision-overflow"
REQUIRES = CompareSubject


def check(subject: CompareSubject) -> Iterable[Finding]:
    yield from iter_parity_findings(subject, CODE, NAME, rank=11)
