"""Sines and cosines are in another order.

**What it finds.** sin,cos against cos,sin against interleaved.

**What you hear.** As for `time-embedding-scale`.

**Why it happens.** Transformers put sines first, Stable Audio cosines.

**Blind spots.** None known.

**How it is measured.** The mistake is applied to what the reference took or knew at that place; it counts only if it
gives the candidate's output within the noise floor, and if no simpler mistake does. Others that do so as simply are
named as rivals.

**Fix.** The reference's form, as a hint for the code. Safety: lossy (equal within the number format).

**References.** Vaswani et al. 2017; Stability-AI/stable-audio-tools.
"""

from __future__ import annotations

from collections.abc import Iterable

from auscult.finding import Finding
from auscult.rules.explained import iter_parity_findings
from auscult.rules.parity.subject import CompareSubject

CODE = "PAR039"
NAME = "time-embedding-order"
REQUIRES = CompareSubject


def check(subject: CompareSubject) -> Iterable[Finding]:
    yield from iter_parity_findings(subject, CODE, NAME, rank=14)
