"""A number is made into features otherwise.

**What it finds.** Another scale, or another order of the number, its sines and cosines.

**What you hear.** Length and pace do not follow the request; quality drops.

**Why it happens.** Stable Audio scales seconds by their maximum and puts the number first.

**Blind spots.** Needs the learned frequencies from a live model.

**How it is measured.** The mistake is applied to what the reference took or knew at that place; it counts only if it
gives the candidate's output within the noise floor, and if no simpler mistake does. Others that do so as simply are
named as rivals.

**Fix.** The reference's form, as a hint for the code. Safety: lossy (equal within the number format).

**References.** Stability-AI/stable-audio-tools, NumberConditioner.
"""

from __future__ import annotations

from collections.abc import Iterable

from auscult.finding import Finding
from auscult.rules.explained import iter_parity_findings
from auscult.rules.parity.subject import CompareSubject

CODE = "PAR041"
NAME = "number-embedding"
REQUIRES = CompareSubject


def check(subject: CompareSubject) -> Iterable[Finding]:
    yield from iter_parity_findings(subject, CODE, NAME, rank=14)
