"""Rotary positions are applied in another way.

**What it finds.** Interleaved against half-split pairs, another base, or a rotation before instead of after the norms
of q and k.

**What you hear.** Content drifts after a few frames, or is garbled throughout.

**Why it happens.** Both conventions are in use (GPT-J, GPT-NeoX), and converters permute the weights for one of them.

**Blind spots.** Scaled rotary embeddings (Llama 3, NTK) are described, not named.

**How it is measured.** The mistake is applied to what the reference took or knew at that place; it counts only if it
gives the candidate's output within the noise floor, and if no simpler mistake does. Others that do so as simply are
named as rivals.

**Fix.** The reference's form, as a hint for the code. Safety: lossy (equal within the number format).

**References.** Su et al. 2021; EleutherAI, rotary embeddings.
"""

from __future__ import annotations

from collections.abc import Iterable

from auscult.finding import Finding
from auscult.rules.explained import iter_parity_findings
from auscult.rules.parity.subject import CompareSubject

CODE = "PAR011"
NAME = "rope-convention"
REQUIRES = CompareSubject


def check(subject: CompareSubject) -> Iterable[Finding]:
    yield from iter_parity_findings(subject, CODE, NAME, rank=18)
