"""The biases of content and position are exchanged or missing.

**What it finds.** In attention with relative positions, `u` added where `v` belongs, or neither.

**What you hear.** Slightly wrong prosody or unclear consonants.

**Why it happens.** They have the same shape, are parameters of the attention itself rather than of a layer, and are
left out by loaders that look at layers alone.

**Blind spots.** Needs q, k, v and the projected positions as modules of their own.

**How it is measured.** The mistake is applied to what the reference took or knew at that place; it counts only if it
gives the candidate's output within the noise floor, and if no simpler mistake does. Others that do so as simply are
named as rivals.

**Fix.** The reference's form, as a hint for the code. Safety: lossy (equal within the number format).

**References.** Dai et al. 2019 (Transformer-XL).
"""

from __future__ import annotations

from collections.abc import Iterable

from auscult.finding import Finding
from auscult.rules.explained import iter_parity_findings
from auscult.rules.parity.subject import CompareSubject

CODE = "PAR060"
NAME = "relative-bias"
REQUIRES = CompareSubject


def check(subject: CompareSubject) -> Iterable[Finding]:
    yield from iter_parity_findings(subject, CODE, NAME, rank=18)
