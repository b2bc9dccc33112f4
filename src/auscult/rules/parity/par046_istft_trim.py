"""The inverse STFT cuts other samples off.

**What it finds.** Half a window, none, or `same` padding.

**What you hear.** A lag of half a window.

**Why it happens.** `center=True` pads on the way in and cuts on the way out.

**Blind spots.** None known.

**How it is measured.** The mistake is applied to what the reference took or knew at that place; it counts only if it
gives the candidate's output within the noise floor, and if no simpler mistake does. Others that do so as simply are
named as rivals.

**Fix.** The reference's form, as a hint for the code. Safety: lossy (equal within the number format).

**References.** torch.istft; gemelo-ai/vocos.
"""

from __future__ import annotations

from collections.abc import Iterable

from auscult.finding import Finding
from auscult.rules.explained import iter_parity_findings
from auscult.rules.parity.subject import CompareSubject

CODE = "PAR046"
NAME = "istft-trim"
REQUIRES = CompareSubject


def check(subject: CompareSubject) -> Iterable[Finding]:
    yield from iter_parity_findings(subject, CODE, NAME, rank=20)
