"""An activation too many.

**What it finds.** A tanh, clamp or other function that only the candidate applies.

**What you hear.** Saturated or clipped; dull.

**Why it happens.** Codecs and vocoders end in a tanh or do not; both ship in good models.

**Blind spots.** A clamp that no element of the inputs reaches.

**How it is measured.** The mistake is applied to what the reference took or knew at that place; it counts only if it
gives the candidate's output within the noise floor, and if no simpler mistake does. Others that do so as simply are
named as rivals.

**Fix.** The reference's form, as a hint for the code. Safety: lossy (equal within the number format).

**References.** descript-audio-codec (tanh); facebookresearch/encodec (none).
"""

from __future__ import annotations

from collections.abc import Iterable

from auscult.finding import Finding
from auscult.rules.explained import iter_parity_findings
from auscult.rules.parity.subject import CompareSubject

CODE = "PAR023"
NAME = "activation-extra"
REQUIRES = CompareSubject


def check(subject: CompareSubject) -> Iterable[Finding]:
    yield from iter_parity_findings(subject, CODE, NAME, rank=24)
