"""The inverse STFT divides by another window sum.

**What it finds.** A gain, constant or with the period of the hop.

**What you hear.** Too loud or too quiet; a tone at the frame rate.

**Why it happens.** Overlapped windows have to be divided by their summed squares.

**Blind spots.** Needs magnitude and phase as inputs of a module.

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

CODE = "PAR045"
NAME = "istft-normalisation"
REQUIRES = CompareSubject


def check(subject: CompareSubject) -> Iterable[Finding]:
    yield from iter_parity_findings(subject, CODE, NAME, rank=20)
