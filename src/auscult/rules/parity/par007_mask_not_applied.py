"""A mask is not multiplied in: padding leaks.

**What it finds.** A tensor that in the reference is multiplied by a mask, and in the candidate is not.

**What you hear.** Wrong or muddled content, worse for short prompts.

**Why it happens.** A tokenizer pads to a fixed length, and the model was trained with those embeddings set to zero.

**Blind spots.** Inputs without padding show nothing: compare on a short prompt.

**How it is measured.** The mistake is applied to what the reference took or knew at that place; it counts only if it
gives the candidate's output within the noise floor, and if no simpler mistake does. Others that do so as simply are
named as rivals.

**Fix.** The reference's form, as a hint for the code. Safety: lossy (equal within the number format).

**References.** Stability-AI/stable-audio-tools, conditioners.
"""

from __future__ import annotations

from collections.abc import Iterable

from auscult.finding import Finding
from auscult.rules.explained import iter_parity_findings
from auscult.rules.parity.subject import CompareSubject

CODE = "PAR007"
NAME = "mask-not-applied"
REQUIRES = CompareSubject


def check(subject: CompareSubject) -> Iterable[Finding]:
    yield from iter_parity_findings(subject, CODE, NAME, rank=15)
