"""The start token is missing, or is put in twice.

**What it finds.** A sequence of ids or embeddings that is the other side's but for its first token.

**What you hear.** The first sound is cut or garbled; the whole may be, since every position is off by one.

**Why it happens.** Tokenizers and generation loops each add a start token, or neither does.

**Blind spots.** A start token of another id is `ids-differ`.

**How it is measured.** The mistake is applied to what the reference took or knew at that place; it counts only if it
gives the candidate's output within the noise floor, and if no simpler mistake does. Others that do so as simply are
named as rivals.

**Fix.** The reference's form, as a hint for the code. Safety: lossy (equal within the number format).

**References.** resemble-ai/chatterbox, where the start token is embedded twice on purpose.
"""

from __future__ import annotations

from collections.abc import Iterable

from auscult.finding import Finding
from auscult.rules.explained import iter_parity_findings
from auscult.rules.parity.subject import CompareSubject

CODE = "PAR004"
NAME = "bos-missing"
REQUIRES = CompareSubject


def check(subject: CompareSubject) -> Iterable[Finding]:
    yield from iter_parity_findings(subject, CODE, NAME, rank=12)
