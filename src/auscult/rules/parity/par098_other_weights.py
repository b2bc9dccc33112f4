"""A layer owns other weights than the reference's.

**What it finds.** Layers whose own error, on the reference's inputs, is above the noise floor, and whose parameters are not the
reference's in any order of axes or number format.

**What you hear.** Another voice, or noise where few layers are concerned.

**Why it happens.** Another checkpoint, a weight that was scaled or edited on the way, or one that a loader left out although the
layer was trained elsewhere.

**Blind spots.** Traces that hold no fingerprints of the weights; a fused or folded weight is not recognised from a trace alone.

**How it is measured.** Bit patterns of the parameters without regard to order; for rounded ones, size, mean and root mean square
within 1e-5 (one format) or 1e-2 (two) of the root mean square.

**Fix.** Compare the weights with `auscult diff`, which names what happened to them. Safety: guess.
"""

from __future__ import annotations

from collections.abc import Iterable

from auscult.finding import Finding
from auscult.rules.explained import iter_parity_findings
from auscult.rules.parity.subject import CompareSubject

CODE = "PAR098"
NAME = "other-weights"
REQUIRES = CompareSubject


def check(subject: CompareSubject) -> Iterable[Finding]:
    yield from iter_parity_findings(subject, CODE, NAME, rank=7)
