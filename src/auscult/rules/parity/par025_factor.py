"""A constant factor is missing, or too many.

**What it finds.** The same terms with other factors.

**What you hear.** Too loud or too quiet, or a wrong balance of two streams.

**Why it happens.** Embeddings multiplied by sqrt(width), residuals by 1/sqrt(2), latents by a scaling constant.

**Blind spots.** A factor that weights absorb is seen in the weights.

**How it is measured.** The mistake is applied to what the reference took or knew at that place; it counts only if it
gives the candidate's output within the noise floor, and if no simpler mistake does. Others that do so as simply are
named as rivals.

**Fix.** The reference's form, as a hint for the code. Safety: lossy (equal within the number format).

**References.** espnet, RelPositionalEncoding.
"""

from __future__ import annotations

from collections.abc import Iterable

from auscult.finding import Finding
from auscult.rules.explained import iter_parity_findings
from auscult.rules.parity.subject import CompareSubject

CODE = "PAR025"
NAME = "factor"
REQUIRES = CompareSubject


def check(subject: CompareSubject) -> Iterable[Finding]:
    yield from iter_parity_findings(subject, CODE, NAME, rank=26)
