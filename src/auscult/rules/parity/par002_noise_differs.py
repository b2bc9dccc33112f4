"""The two sides drew other noise: nothing behind the draw can be compared.

**What it finds.** Two draws of one distribution with no correlation, where the reference's noise should have been
used.

**What you hear.** Nothing: both sides may be right.

**Why it happens.** The same seed gives other numbers in another framework.

**Blind spots.** Noise of different length cannot be told from another fault.

**How it is measured.** Correlation within six standard errors of zero, at equal mean and deviation.

**Fix.** Replay the reference's noise on the candidate's side. Safety: guess.

**References.** MLX and PyTorch documentation on random number generation.
"""

from __future__ import annotations

from collections.abc import Iterable

from auscult.finding import Finding, Severity
from auscult.rules.explained import iter_parity_findings
from auscult.rules.parity.subject import CompareSubject

CODE = "PAR002"
NAME = "noise-differs"
REQUIRES = CompareSubject


def check(subject: CompareSubject) -> Iterable[Finding]:
    yield from iter_parity_findings(subject, CODE, NAME, severity=Severity.INFO, rank=4)
