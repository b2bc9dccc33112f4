"""A normalisation too many.

**What it finds.** A norm without parameters that only the candidate applies.

**What you hear.** Loudness that does not follow the input.

**Why it happens.** A block copied from another model.

**Blind spots.** As for `norm-missing`.

**How it is measured.** The mistake is applied to what the reference took or knew at that place; it counts only if it
gives the candidate's output within the noise floor, and if no simpler mistake does. Others that do so as simply are
named as rivals.

**Fix.** The reference's form, as a hint for the code. Safety: lossy (equal within the number format).

**References.** torch.nn.InstanceNorm1d.
"""

from __future__ import annotations

from collections.abc import Iterable

from auscult.finding import Finding
from auscult.rules.explained import iter_parity_findings
from auscult.rules.parity.subject import CompareSubject

CODE = "PAR014"
NAME = "norm-extra"
REQUIRES = CompareSubject


def check(subject: CompareSubject) -> Iterable[Finding]:
    yield from iter_parity_findings(subject, CODE, NAME, rank=21)
