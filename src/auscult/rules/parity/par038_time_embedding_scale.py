"""The time is scaled otherwise before its embedding.

**What it finds.** A factor of 1000, 2π, 256 and the like.

**What you hear.** The sampler works as if at one time: noise or mush.

**Why it happens.** Some models embed t in 0..1, others in 0..1000.

**Blind spots.** At t = 0 nothing differs: several steps are needed.

**How it is measured.** The mistake is applied to what the reference took or knew at that place; it counts only if it
gives the candidate's output within the noise floor, and if no simpler mistake does. Others that do so as simply are
named as rivals.

**Fix.** The reference's form, as a hint for the code. Safety: lossy (equal within the number format).

**References.** Ho et al. 2020; shivammehta25/Matcha-TTS.
"""

from __future__ import annotations

from collections.abc import Iterable

from auscult.finding import Finding
from auscult.rules.explained import iter_parity_findings
from auscult.rules.parity.subject import CompareSubject

CODE = "PAR038"
NAME = "time-embedding-scale"
REQUIRES = CompareSubject


def check(subject: CompareSubject) -> Iterable[Finding]:
    yield from iter_parity_findings(subject, CODE, NAME, rank=14)
