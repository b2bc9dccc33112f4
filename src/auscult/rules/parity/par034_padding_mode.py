"""Borders are filled otherwise.

**What it finds.** Zeros, reflection, repetition of the edge, or all on the left (causal).

**What you hear.** Artefacts at the ends and, with streaming, at every chunk.

**Why it happens.** Causal convolutions pad by hand.

**Blind spots.** Only the border frames differ: inputs must not be silent there.

**How it is measured.** The mistake is applied to what the reference took or knew at that place; it counts only if it
gives the candidate's output within the noise floor, and if no simpler mistake does. Others that do so as simply are
named as rivals.

**Fix.** The reference's form, as a hint for the code. Safety: lossy (equal within the number format).

**References.** facebookresearch/encodec, SConv1d.
"""

from __future__ import annotations

from collections.abc import Iterable

from auscult.finding import Finding
from auscult.rules.explained import iter_parity_findings
from auscult.rules.parity.subject import CompareSubject

CODE = "PAR034"
NAME = "padding-mode"
REQUIRES = CompareSubject


def check(subject: CompareSubject) -> Iterable[Finding]:
    yield from iter_parity_findings(subject, CODE, NAME, rank=21)
