"""Frames are multiplied otherwise.

**What it finds.** Nearest, linear with either convention of the ends, repeated as a whole, or zeros between.

**What you hear.** Stepped or smeared; imaging.

**Why it happens.** `interpolate` has many modes, and `tile` is not `repeat`.

**Blind spots.** Cubic interpolation is described, not named.

**How it is measured.** The mistake is applied to what the reference took or knew at that place; it counts only if it
gives the candidate's output within the noise floor, and if no simpler mistake does. Others that do so as simply are
named as rivals.

**Fix.** The reference's form, as a hint for the code. Safety: lossy (equal within the number format).

**References.** torch.nn.functional.interpolate.
"""

from __future__ import annotations

from collections.abc import Iterable

from auscult.finding import Finding
from auscult.rules.explained import iter_parity_findings
from auscult.rules.parity.subject import CompareSubject

CODE = "PAR035"
NAME = "upsample-mode"
REQUIRES = CompareSubject


def check(subject: CompareSubject) -> Iterable[Finding]:
    yield from iter_parity_findings(subject, CODE, NAME, rank=20)
