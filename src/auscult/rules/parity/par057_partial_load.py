"""The run shows that only part of the weights was loaded.

**What it finds.** Some layers compute what the reference does, others look freshly drawn.

**What you hear.** Buzz or noise.

**Why it happens.** load_state_dict copies the tensors that fit before it raises; the caller went on.

**Blind spots.** As for `untrained`.

**How it is measured.** The mistake is applied to what the reference took or knew at that place; it counts only if it
gives the candidate's output within the noise floor, and if no simpler mistake does. Others that do so as simply are
named as rivals.

**Fix.** The reference's form, as a hint for the code. Safety: lossy (equal within the number format).

**References.** torch.nn.Module.load_state_dict.
"""

from __future__ import annotations

from collections.abc import Iterable

from auscult.finding import Finding
from auscult.rules.explained import iter_parity_findings
from auscult.rules.parity.subject import CompareSubject

CODE = "PAR057"
NAME = "partial-load"
REQUIRES = CompareSubject


def check(subject: CompareSubject) -> Iterable[Finding]:
    yield from iter_parity_findings(subject, CODE, NAME, rank=5)
