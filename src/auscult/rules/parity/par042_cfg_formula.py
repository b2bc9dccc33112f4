"""Guidance mixes the two velocities otherwise.

**What it finds.** v_u + w (v_c - v_u) against (1 + w) v_c - w v_u and others, found by solving for the mix.

**What you hear.** Over- or undersaturated, or not following the prompt.

**Why it happens.** w means two things: 0.7 in one formula is 1.7 in the other.

**Blind spots.** Needs the estimator as a module.

**How it is measured.** The mistake is applied to what the reference took or knew at that place; it counts only if it
gives the candidate's output within the noise floor, and if no simpler mistake does. Others that do so as simply are
named as rivals.

**Fix.** The reference's form, as a hint for the code. Safety: lossy (equal within the number format).

**References.** Ho and Salimans 2022, Classifier-Free Diffusion Guidance.
"""

from __future__ import annotations

from collections.abc import Iterable

from auscult.finding import Finding
from auscult.rules.explained import iter_parity_findings
from auscult.rules.parity.subject import CompareSubject

CODE = "PAR042"
NAME = "cfg-formula"
REQUIRES = CompareSubject


def check(subject: CompareSubject) -> Iterable[Finding]:
    yield from iter_parity_findings(subject, CODE, NAME, rank=12)
