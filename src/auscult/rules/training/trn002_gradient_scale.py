"""The gradient of one part is multiplied: it is not the derivative of what the part computes.

**What it finds.** A quantizer, part or passage whose backward pass gives a multiple of the gradient
that it should.

**What you hear.** Nothing at once. The encoder answers to a gradient several times too large
against its commitment loss, and gradient clipping by the norm of all parameters then starves the
decoder. (Adam alone hides a constant factor; a sum with other losses, clipping or SGD does not.)

**Why it happens.** In a residual quantizer each book adds `x + (q - x).detach()` while the residual
is passed on detached: the encoder gets the full gradient once per book, 8 times with 8 books.
Elsewhere: hooks that scale, `a * y - b * y.detach()`, a custom backward.

**Example.** Wrong and right:

```python
for book in books:
    quantised = book(residual)
    total = total + residual + (quantised - residual).detach()  # wrong: once per book
    residual = residual - quantised.detach()

return z + (total - z).detach()  # right: once for the sum of all books
```

**Blind spots.** Quantizers with a single book behind projections; gradients of another direction
(rotation trick), whose factor would say nothing. A factor within 1.5 of right is not reported.

**How it is measured.** Quantizer: the gradient that reaches its input, over the one that a residual
chain of infinitely fine books would give (1 for plain straight-through books; factorised and
rotated books by their own projections). Other parts: the gradient against a finite difference.
Passages: the gradient behind and in front of where one part's output is the next one's input. Right
trainers gave 0.99 to 1.01, eight books with the mistake 8.000, and `ResidualVQ` of
vector-quantize-pytorch 1.32.0 without its rotation trick gives the number of its quantizers too.

**Fix.** Pass on the residual with its gradient (`residual = residual - quantized`), or estimate
once for all books (`z + (total - z).detach()`). Safety: safe.

**References.** facebookresearch/encodec issue 25; facebookresearch/audiocraft
quantization/core_vq.py.
"""

from __future__ import annotations

from collections.abc import Iterable

from auscult.finding import Finding, Fix, Severity
from auscult.preflight_checks.records import PartGain
from auscult.rules.training._evidence import find_wrong_gains
from auscult.rules.training.subject import PreflightSubject

CODE = "TRN002"
NAME = "gradient-scale"
REQUIRES = PreflightSubject
MAX_BOOKS_DISTANCE = 0.02
"""Relative distance from the number of books, for the factor to be its doing.

Measured on eight books with the mistake: 8.000. Margin: not recorded.
"""


def check(subject: PreflightSubject) -> Iterable[Finding]:
    gains = sorted(find_wrong_gains(subject.measured), key=lambda gain: -abs(gain.factor))
    if not gains:
        return
    first_gain = gains[0]
    is_by_books = (
        first_gain.books > 1 and abs(first_gain.factor / first_gain.books - 1) < MAX_BOOKS_DISTANCE
    )
    gains_text = ", ".join(f"{gain.place} ×{gain.factor:.4g}" for gain in gains)
    yield Finding(
        CODE,
        NAME,
        Severity.ERROR,
        tuple(gain.place for gain in gains),
        "the gradient is not the derivative: "
        f"{gains_text}{_describe_meaning(first_gain, is_by_books=is_by_books)}",
        evidence={
            gain.place: {
                "factor": round(gain.factor, 4),
                "cosine": round(gain.cosine, 4),
                "how": gain.how,
            }
            for gain in gains
        },
        fix=Fix(
            "safe",
            "estimate the gradient once for all books",
            code="return z + (total - z).detach()",
        )
        if is_by_books
        else None,
        rank=11,
    )


def _describe_meaning(gain: PartGain, *, is_by_books: bool) -> str:
    if is_by_books:
        return (
            f": each of the {gain.books} books hands its full straight-through gradient to the "
            "encoder"
        )
    if gain.how != "derivative":
        return ""
    return " of what it computes: something in it scales the backward pass"
