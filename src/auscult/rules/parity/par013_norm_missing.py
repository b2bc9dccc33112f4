"""A normalisation is left out.

**What it finds.** A norm of the reference that the candidate does not apply; norms without parameters leave no
tensors, so the weights load all the same.

**What you hear.** Too loud or too quiet inside; distorted.

**Why it happens.** InstanceNorm without affine parameters is invisible in a checkpoint.

**Blind spots.** Norms with parameters are seen by `modules-never-trained` as well.

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

CODE = "PAR013"
NAME = "norm-missing"
REQUIRES = CompareSubject


def check(subject: CompareSubject) -> Iterable[Finding]:
    yield from iter_parity_findings(subject, CODE, NAME, rank=19)
