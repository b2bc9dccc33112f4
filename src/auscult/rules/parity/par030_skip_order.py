"""Tensors are concatenated in another order.

**What it finds.** The same parts along an axis, exchanged.

**What you hear.** Noise with a trace of the content: the next layer reads the wrong channels.

**Why it happens.** [x, skip] and [skip, x] have the same shape.

**Blind spots.** Equal parts cannot be told apart.

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

CODE = "PAR030"
NAME = "skip-order"
REQUIRES = CompareSubject


def check(subject: CompareSubject) -> Iterable[Finding]:
    yield from iter_parity_findings(subject, CODE, NAME, rank=18)
