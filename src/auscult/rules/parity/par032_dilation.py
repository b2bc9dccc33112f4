"""A convolution has another dilation.

**What it finds.** The dilation, found by running the layer with others.

**What you hear.** Buzz or hollow sound; loads without a complaint.

**Why it happens.** Dilation is not in the weights.

**Blind spots.** Inputs shorter than the kernel's reach.

**How it is measured.** The mistake is applied to what the reference took or knew at that place; it counts only if it
gives the candidate's output within the noise floor, and if no simpler mistake does. Others that do so as simply are
named as rivals.

**Fix.** The reference's form, as a hint for the code. Safety: lossy (equal within the number format).

**References.** jik876/hifi-gan, config_v1.json.
"""

from __future__ import annotations

from collections.abc import Iterable

from auscult.finding import Finding
from auscult.rules.explained import iter_parity_findings
from auscult.rules.parity.subject import CompareSubject

CODE = "PAR032"
NAME = "dilation"
REQUIRES = CompareSubject


def check(subject: CompareSubject) -> Iterable[Finding]:
    yield from iter_parity_findings(subject, CODE, NAME, rank=18)
