"""Ids are shifted by a constant.

**What it finds.** Integer inputs of an embedding that differ by one number everywhere.

**What you hear.** Babble: every token is another one.

**Why it happens.** Special tokens counted or not; languages or codebooks offset.

**Blind spots.** Ids that differ in no regular way are not explained.

**How it is measured.** The mistake is applied to what the reference took or knew at that place; it counts only if it
gives the candidate's output within the noise floor, and if no simpler mistake does. Others that do so as simply are
named as rivals.

**Fix.** The reference's form, as a hint for the code. Safety: lossy (equal within the number format).

**References.** torch.nn.Embedding.
"""

from __future__ import annotations

from collections.abc import Iterable

from auscult.finding import Finding
from auscult.rules.explained import iter_parity_findings
from auscult.rules.parity.subject import CompareSubject

CODE = "PAR005"
NAME = "ids-differ"
REQUIRES = CompareSubject


def check(subject: CompareSubject) -> Iterable[Finding]:
    yield from iter_parity_findings(subject, CODE, NAME, rank=13)
