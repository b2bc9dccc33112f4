"""Positions are counted from another start.

**What it finds.** Position ids, a sinusoidal or learned table, or a rotation that starts elsewhere.

**What you hear.** Slurred or drifting speech; wrong at the start of a stream.

**Why it happens.** Padding index, cached keys, or a prefix that is counted on one side only.

**Blind spots.** An offset common to rotated queries and keys changes nothing, and is not seen.

**How it is measured.** The mistake is applied to what the reference took or knew at that place; it counts only if it
gives the candidate's output within the noise floor, and if no simpler mistake does. Others that do so as simply are
named as rivals.

**Fix.** The reference's form, as a hint for the code. Safety: lossy (equal within the number format).

**References.** Su et al. 2021, RoFormer.
"""

from __future__ import annotations

from collections.abc import Iterable

from auscult.finding import Finding
from auscult.rules.explained import iter_parity_findings
from auscult.rules.parity.subject import CompareSubject

CODE = "PAR006"
NAME = "position-offset"
REQUIRES = CompareSubject


def check(subject: CompareSubject) -> Iterable[Finding]:
    yield from iter_parity_findings(subject, CODE, NAME, rank=20)
