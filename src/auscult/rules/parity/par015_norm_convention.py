"""A normalisation over other axes, with another statistic, or without its gain.

**What it finds.** RMS against mean and deviation, unbiased against biased variance, another axis.

**What you hear.** Tonal colour and level off.

**Why it happens.** RMSNorm and LayerNorm have the same tensors when the bias is left out.

**Blind spots.** Needs the norm's weights from a live model.

**How it is measured.** The mistake is applied to what the reference took or knew at that place; it counts only if it
gives the candidate's output within the noise floor, and if no simpler mistake does. Others that do so as simply are
named as rivals.

**Fix.** The reference's form, as a hint for the code. Safety: lossy (equal within the number format).

**References.** Zhang and Sennrich 2019, Root Mean Square Layer Normalization.
"""

from __future__ import annotations

from collections.abc import Iterable

from auscult.finding import Finding
from auscult.rules.explained import iter_parity_findings
from auscult.rules.parity.subject import CompareSubject

CODE = "PAR015"
NAME = "norm-convention"
REQUIRES = CompareSubject


def check(subject: CompareSubject) -> Iterable[Finding]:
    yield from iter_parity_findings(subject, CODE, NAME, rank=22)
