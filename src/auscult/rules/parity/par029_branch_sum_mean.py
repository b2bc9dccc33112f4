"""Branches are summed instead of averaged, or the reverse.

**What it finds.** A factor that is the number of branches.

**What you hear.** Overdriven or too quiet, with the right content.

**Why it happens.** HiFi-GAN averages its residual blocks, others sum them.

**Blind spots.** None known.

**How it is measured.** The mistake is applied to what the reference took or knew at that place; it counts only if it
gives the candidate's output within the noise floor, and if no simpler mistake does. Others that do so as simply are
named as rivals.

**Fix.** The reference's form, as a hint for the code. Safety: lossy (equal within the number format).

**References.** jik876/hifi-gan, models.py.
"""

from __future__ import annotations

from collections.abc import Iterable

from auscult.finding import Finding
from auscult.rules.explained import iter_parity_findings
from auscult.rules.parity.subject import CompareSubject

CODE = "PAR029"
NAME = "branch-sum-mean"
REQUIRES = CompareSubject


def check(subject: CompareSubject) -> Iterable[Finding]:
    yield from iter_parity_findings(subject, CODE, NAME, rank=20)
