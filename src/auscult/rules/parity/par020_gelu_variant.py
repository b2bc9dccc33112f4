"""Another form of GELU.

**What it finds.** Exact, by tanh, or by x sigmoid(1.702 x).

**What you hear.** Slight dullness; a small error in every block that adds up.

**Why it happens.** Defaults differ between frameworks, and `gelu_new`, `quick_gelu` are names for the others.

**Blind spots.** None known.

**How it is measured.** The mistake is applied to what the reference took or knew at that place; it counts only if it
gives the candidate's output within the noise floor, and if no simpler mistake does. Others that do so as simply are
named as rivals.

**Fix.** The reference's form, as a hint for the code. Safety: lossy (equal within the number format).

**References.** Hendrycks and Gimpel 2016.
"""

from __future__ import annotations

from collections.abc import Iterable

from auscult.finding import Finding
from auscult.rules.explained import iter_parity_findings
from auscult.rules.parity.subject import CompareSubject

CODE = "PAR020"
NAME = "gelu-variant"
REQUIRES = CompareSubject


def check(subject: CompareSubject) -> Iterable[Finding]:
    yield from iter_parity_findings(subject, CODE, NAME, rank=25)
