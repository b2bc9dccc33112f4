"""Dropout is active.

**What it finds.** Elements that are zero, and the others 1/(1-p) too large.

**What you hear.** Roughness that differs from run to run.

**Why it happens.** `.eval()` was not called.

**Blind spots.** A dropout inside a fused layer is described, not named.

**How it is measured.** The share of zeros must fit the factor of the rest (within four standard errors), and the
elements kept must be the reference's times that factor within the noise floor.

**Fix.** The reference's form, as a hint for the code. Safety: lossy (equal within the number format).

**References.** torch.nn.Dropout.
"""

from __future__ import annotations

from collections.abc import Iterable

from auscult.finding import Finding
from auscult.rules.explained import iter_parity_findings
from auscult.rules.parity.subject import CompareSubject

CODE = "PAR019"
NAME = "dropout-active"
REQUIRES = CompareSubject


def check(subject: CompareSubject) -> Iterable[Finding]:
    yield from iter_parity_findings(subject, CODE, NAME, rank=10)
