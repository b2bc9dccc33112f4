"""A normalisation has another eps.

**What it finds.** Another eps, found by solving for it, inside or beside the root.

**What you hear.** Nothing on loud material; on quiet or small activations the gain is off.

**Why it happens.** Defaults differ: 1e-5, 1e-6, 1e-12.

**Blind spots.** Where the variance is far above eps the difference is below rounding, and is not reported: it does no
harm there.

**How it is measured.** The mistake is applied to what the reference took or knew at that place; it counts only if it
gives the candidate's output within the noise floor, and if no simpler mistake does. Others that do so as simply are
named as rivals.

**Fix.** The reference's form, as a hint for the code. Safety: lossy (equal within the number format).

**References.** torch.nn.LayerNorm; tensorflow LayerNormalization.
"""

from __future__ import annotations

from collections.abc import Iterable

from auscult.finding import Finding
from auscult.rules.explained import iter_parity_findings
from auscult.rules.parity.subject import CompareSubject

CODE = "PAR016"
NAME = "layer-norm-eps"
REQUIRES = CompareSubject


def check(subject: CompareSubject) -> Iterable[Finding]:
    yield from iter_parity_findings(subject, CODE, NAME, rank=23)
