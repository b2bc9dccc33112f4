"""Another sampler.

**What it finds.** Euler, midpoint, Heun, RK4 or ping-pong, told by states and times.

**What you hear.** Flickering, slow, band-limited.

**Why it happens.** A model that was trained for few ping-pong steps is no ODE.

**Blind spots.** Multistep samplers are called unknown.

**How it is measured.** The mistake is applied to what the reference took or knew at that place; it counts only if it
gives the candidate's output within the noise floor, and if no simpler mistake does. Others that do so as simply are
named as rivals.

**Fix.** The reference's form, as a hint for the code. Safety: lossy (equal within the number format).

**References.** arXiv 2505.08175 (ARC); Karras et al. 2022.
"""

from __future__ import annotations

from collections.abc import Iterable

from auscult.finding import Finding
from auscult.rules.explained import iter_parity_findings
from auscult.rules.parity.subject import CompareSubject

CODE = "PAR043"
NAME = "sampler-mismatch"
REQUIRES = CompareSubject


def check(subject: CompareSubject) -> Iterable[Finding]:
    yield from iter_parity_findings(subject, CODE, NAME, rank=12)
