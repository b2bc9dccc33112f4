"""A norm stands at another place.

**What it finds.** Before instead of after a residual branch (pre-norm, post-norm), or behind instead of before the
activation.

**What you hear.** Levels that grow or shrink through the depth; noise.

**Why it happens.** Papers draw post-norm, most trained models are pre-norm.

**Blind spots.** Needs the norm as a module, or a norm without parameters.

**How it is measured.** The mistake is applied to what the reference took or knew at that place; it counts only if it
gives the candidate's output within the noise floor, and if no simpler mistake does. Others that do so as simply are
named as rivals.

**Fix.** The reference's form, as a hint for the code. Safety: lossy (equal within the number format).

**References.** Xiong et al. 2020, On Layer Normalization in the Transformer Architecture.
"""

from __future__ import annotations

from collections.abc import Iterable

from auscult.finding import Finding
from auscult.rules.explained import iter_parity_findings
from auscult.rules.parity.subject import CompareSubject

CODE = "PAR012"
NAME = "norm-order"
REQUIRES = CompareSubject


def check(subject: CompareSubject) -> Iterable[Finding]:
    yield from iter_parity_findings(subject, CODE, NAME, rank=19)
