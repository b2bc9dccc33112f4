"""Attention sees other positions.

**What it finds.** The scores' mask inverted, causal where it is full, or added as numbers where it is a yes or no.

**What you hear.** Mumbling, repetition, no ending; with an inverted mask, NaN.

**Why it happens.** Frameworks disagree on whether true means `attend` or `leave out`.

**Blind spots.** Inputs without padding hide an inverted mask only if it is dropped altogether.

**How it is measured.** The mistake is applied to what the reference took or knew at that place; it counts only if it
gives the candidate's output within the noise floor, and if no simpler mistake does. Others that do so as simply are
named as rivals.

**Fix.** The reference's form, as a hint for the code. Safety: lossy (equal within the number format).

**References.** torch.nn.functional.scaled_dot_product_attention; mlx.core.fast.scaled_dot_product_attention.
"""

from __future__ import annotations

from collections.abc import Iterable

from auscult.finding import Finding
from auscult.rules.explained import iter_parity_findings
from auscult.rules.parity.subject import CompareSubject

CODE = "PAR008"
NAME = "attention-mask"
REQUIRES = CompareSubject


def check(subject: CompareSubject) -> Iterable[Finding]:
    yield from iter_parity_findings(subject, CODE, NAME, rank=16)
