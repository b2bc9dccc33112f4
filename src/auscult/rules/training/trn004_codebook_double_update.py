"""The same codebook is moved by an average and by the optimizer.

**What it finds.** Codes in use that change between the start of a step and the optimizer, and again
in the optimizer.

**What you hear.** Nothing by itself; codes that oscillate, higher quantisation noise, and learning
rates that seem to have no right value.

**Why it happens.** The codebook is a parameter with a codebook loss and also follows the
exponential average of its vectors. One of the two is enough: each assumes that it alone moves the
codes.

**Example.** Wrong and right:

```python
codebook = nn.Parameter(torch.randn(codes, width))  # wrong: the optimizer moves it,
codebook.data.copy_(average)                        # and so does the average

self.register_buffer("codebook", torch.randn(codes, width))  # right: the average alone
```

**Blind spots.** Codes that were not chosen are left out, so that the replacement of dead codes
beside a gradient is no finding. The first step is left out, since it may initialise the book.

**How it is measured.** The codes that a step used are compared before the step, before the
optimizer, and after it; a change above 1e-7 of a code counts. Reported where both happen in at
least half of the steps (`MIN_SHARE`). Right trainers have one of the two in no step.

**Fix.** Keep the average and make the codebook a buffer without a codebook loss, or keep the loss
and drop the average. Safety: safe.

**References.** van den Oord et al. (arXiv 1711.00937), section 3.2 and appendix A.1: one or the
other.
"""

from __future__ import annotations

from collections.abc import Iterable

from auscult.facts.words import format_count
from auscult.finding import Finding, Fix, Severity
from auscult.rules.training.subject import PreflightSubject

CODE = "TRN004"
NAME = "codebook-double-update"
REQUIRES = PreflightSubject
MIN_SHARE = 0.5
"""Of the steps: in so many a book is moved twice.

Measured on right trainers: one of the two in no step. Margin: 0.5.
"""


def check(subject: PreflightSubject) -> Iterable[Finding]:
    double_books = [
        book
        for book in subject.measured.books
        if book.compared
        and min(book.moved_by_forward, book.moved_by_optimizer) >= MIN_SHARE * book.compared
    ]
    if not double_books:
        return
    first_book = double_books[0]
    yield Finding(
        CODE,
        NAME,
        Severity.ERROR,
        tuple(book.name for book in double_books),
        f"{format_count(len(double_books), 'codebook')} moved twice in a step: by the quantizer "
        f"itself in {first_book.moved_by_forward} of"
        f" {first_book.compared} steps and by the optimizer in {first_book.moved_by_optimizer}",
        evidence={
            book.name: [book.moved_by_forward, book.moved_by_optimizer, book.compared]
            for book in double_books
        },
        fix=Fix(
            "safe",
            "keep the average and take the codebook from the optimizer and its loss, or the other "
            "way round",
        ),
        rank=14,
    )
