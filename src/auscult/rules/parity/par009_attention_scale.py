"""Attention scores have another scale.

**What it finds.** 1/sqrt(head width) against 1, 1/sqrt(model width) or 1/head width.

**What you hear.** Flat or unstable prosody; attention too soft or too hard.

**Why it happens.** Some models fold the scale into the weights, T5 has none at all.

**Blind spots.** A temperature that is learned is not among the tried ones.

**How it is measured.** The mistake is applied to what the reference took or knew at that place; it counts only if it
gives the candidate's output within the noise floor, and if no simpler mistake does. Others that do so as simply are
named as rivals.

**Fix.** The reference's form, as a hint for the code. Safety: lossy (equal within the number format).

**References.** Vaswani et al. 2017; Raffel et al. 2020 (T5).
"""

from __future__ import annotations

from collections.abc import Iterable

from auscult.finding import Finding
from auscult.rules.explained import iter_parity_findings
from auscult.rules.parity.subject import CompareSubject

CODE = "PAR009"
NAME = "attention-scale"
REQUIRES = CompareSubject


def check(subject: CompareSubject) -> Iterable[Finding]:
    yield from iter_parity_findings(subject, CODE, NAME, rank=17)
