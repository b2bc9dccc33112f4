"""Frames are shifted: another stride or another padding.

**What it finds.** Padding on another side, another number of frames cut off, another stride.

**What you hear.** A lag; clicks at chunk borders; a smeared attack.

**Why it happens.** `same` is odd for even kernels, and transposed convolutions cut as they pad.

**Blind spots.** None known.

**How it is measured.** The mistake is applied to what the reference took or knew at that place; it counts only if it
gives the candidate's output within the noise floor, and if no simpler mistake does. Others that do so as simply are
named as rivals.

**Fix.** The reference's form, as a hint for the code. Safety: lossy (equal within the number format).

**References.** torch.nn.ConvTranspose1d.
"""

from __future__ import annotations

from collections.abc import Iterable

from auscult.finding import Finding
from auscult.rules.explained import iter_parity_findings
from auscult.rules.parity.subject import CompareSubject

CODE = "PAR033"
NAME = "stride-padding"
REQUIRES = CompareSubject


def check(subject: CompareSubject) -> Iterable[Finding]:
    yield from iter_parity_findings(subject, CODE, NAME, rank=18)
