"""Rounding took more of a tensor than it left.

**What it finds.** Tensors that agree within the rounding of a coarse number format, where that rounding is as large as the
values: most of them became zero, or one of two steps.

**What you hear.** Noise or silence: a layer with such weights computes next to nothing of what it should.

**Why it happens.** Weights were cast to an 8-bit float without a scale. Its smallest step is 2e-3 (e4m3) or 2e-5 (e5m2), and small
weights fall below it.

**Blind spots.** Ternary and 1-bit models that were trained so are far from a float original, and are not accused: their error
stays below the limit.

**How it is measured.** The relative error ‖candidate - reference‖ / ‖candidate‖ of each tensor that is within its format's rounding.
The limit is MAX_ROUNDING_ERROR.

**Example.** Weights of a norm-free vocoder were cast with `.to(torch.float8_e4m3fn)`:

    CKP022 error  rounded-away: 3 tensors lost most of their values to the rounding of float8_e4m3fn (relative error up to 1.3
    in out.weight)

**Fix.** Cast with a scale for each tensor or channel, or keep these layers in a wider format. Safety: guess.

**References.** OCP 8-bit floating point specification.
"""

from __future__ import annotations

from collections.abc import Iterable

from auscult.facts.words import format_count
from auscult.finding import Finding, Fix, Severity
from auscult.rules.diff.subject import DiffSubject
from auscult.verdict import Equality

CODE = "CKP022"
NAME = "rounded-away"
REQUIRES = DiffSubject
DIVERGES = True

MAX_ROUNDING_ERROR = 0.9
"""Relative error up to which a rounded tensor is still that tensor. The coarsest grid there is, a sign and one scale, leaves 0.76 of
normal values; calculated.
"""


def check(subject: DiffSubject) -> Iterable[Finding]:
    lost = [
        match
        for match in subject.alignment.matches
        if match.equality is Equality.CLOSE and match.error > MAX_ROUNDING_ERROR
    ]
    if not lost:
        return
    formats = sorted({match.number_format or "rounding" for match in lost})
    worst = max(lost, key=lambda match: match.error)
    yield Finding(
        CODE,
        NAME,
        Severity.ERROR,
        tuple(name for match in lost for name in match.b),
        f"{format_count(len(lost), 'tensor')} lost most of their values to the rounding of {', '.join(formats)}"
        f" (relative error up to {worst.error:.2g} in {worst.b[-1]})",
        evidence={"formats": formats, "largest_error": worst.error, "in": list(worst.b)},
        fix=Fix(
            "guess", "cast with a scale for each tensor or channel, or keep these in a wider format"
        ),
        rank=30,
    )
