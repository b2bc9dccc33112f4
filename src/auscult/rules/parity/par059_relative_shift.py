"""Scores of relative positions are laid over the wrong keys.

**What it finds.** In attention with relative positions, a shift of the position scores that is left out, is off by one frame, or
counts distances the other way.

**What you hear.** Content that drifts or smears; a conformer whose output barely depends on order.

**Why it happens.** The shift is a pad, a reshape and a cut whose lengths depend on whether positions run over
2 T - 1 distances or over T; ports mix the two.

**Blind spots.** Needs q, k, v and the projected positions (2 T - 1 of them) as modules of their own.

**How it is measured.** The mistake is applied to what the reference took or knew at that place; it counts only if it
gives the candidate's output within the noise floor, and if no simpler mistake does. Others that do so as simply are
named as rivals.

**Fix.** The reference's form, as a hint for the code. Safety: lossy (equal within the number format).

**References.** Dai et al. 2019 (Transformer-XL), appendix B; Gulati et al. 2020.
"""

from __future__ import annotations

from collections.abc import Iterable

from auscult.finding import Finding
from auscult.rules.explained import iter_parity_findings
from auscult.rules.parity.subject import CompareSubject

CODE = "PAR059"
NAME = "relative-shift"
REQUIRES = CompareSubject


def check(subject: CompareSubject) -> Iterable[Finding]:
    yield from iter_parity_findings(subject, CODE, NAME, rank=18)
