"""Channels are grouped otherwise.

**What it finds.** Groups of neighbouring channels against every n-th channel.

**What you hear.** Metallic, wrong timbre.

**Why it happens.** mlx.nn.GroupNorm groups every n-th channel unless `pytorch_compatible=True`.

**Blind spots.** None known where the module's weights are there.

**How it is measured.** The mistake is applied to what the reference took or knew at that place; it counts only if it
gives the candidate's output within the noise floor, and if no simpler mistake does. Others that do so as simply are
named as rivals.

**Fix.** The reference's form, as a hint for the code. Safety: lossy (equal within the number format).

**References.** mlx.nn.GroupNorm.
"""

from __future__ import annotations

from collections.abc import Iterable

from auscult.finding import Finding
from auscult.rules.explained import iter_parity_findings
from auscult.rules.parity.subject import CompareSubject

CODE = "PAR017"
NAME = "group-norm-convention"
REQUIRES = CompareSubject


def check(subject: CompareSubject) -> Iterable[Finding]:
    yield from iter_parity_findings(subject, CODE, NAME, rank=22)
