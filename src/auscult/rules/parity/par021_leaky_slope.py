"""Another slope of a leaky ReLU.

**What it finds.** The slope, found by fitting it.

**What you hear.** Buzz or dull sound; the last activation of a vocoder matters most.

**Why it happens.** HiFi-GAN uses 0.1 inside and the default 0.01 before its last layer.

**Blind spots.** Inputs without negative values hide it.

**How it is measured.** The mistake is applied to what the reference took or knew at that place; it counts only if it
gives the candidate's output within the noise floor, and if no simpler mistake does. Others that do so as simply are
named as rivals.

**Fix.** The reference's form, as a hint for the code. Safety: lossy (equal within the number format).

**References.** jik876/hifi-gan, models.py.
"""

from __future__ import annotations

from collections.abc import Iterable

from auscult.finding import Finding
from auscult.rules.explained import iter_parity_findings
from auscult.rules.parity.subject import CompareSubject

CODE = "PAR021"
NAME = "leaky-slope"
REQUIRES = CompareSubject


def check(subject: CompareSubject) -> Iterable[Finding]:
    yield from iter_parity_findings(subject, CODE, NAME, rank=24)
