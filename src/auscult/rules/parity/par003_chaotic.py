"""Choices between nearly equal scores flip: not a mistake.

**What it finds.** Integer ids that differ only where the best scores lie nearer together than rounding can tell.

**What you hear.** Another but equally good rendition.

**Why it happens.** An argmax or a sampling step turns a rounding error into another token; everything after it
differs.

**Blind spots.** Needs the scores in the trace.

**How it is measured.** At each flip the margin between the two scores is below eight times the noise floor.

**Fix.** Feed both sides the reference's ids, and compare step by step. Safety: guess.

**References.** Wiseman and Rush 2016 on exposure of search to near ties.
"""

from __future__ import annotations

from collections.abc import Iterable

from auscult.finding import Finding, Severity
from auscult.rules.explained import iter_parity_findings
from auscult.rules.parity.subject import CompareSubject

CODE = "PAR003"
NAME = "chaotic"
REQUIRES = CompareSubject


def check(subject: CompareSubject) -> Iterable[Finding]:
    yield from iter_parity_findings(subject, CODE, NAME, severity=Severity.INFO, rank=6)
