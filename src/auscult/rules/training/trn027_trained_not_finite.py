"""A training ended with figures that are no numbers.

**What it finds.** A model that `train` has trained, of which a figure on held-out recordings is NaN or
infinite.

**What you hear.** Silence, or full-scale noise.

**Why it happens.** A learning rate that is too high; recordings with NaN in them; half precision
where a sum or a logarithm leaves its range.

**Example.** Wrong and right:

```console
$ auscult train codec --data recordings/ --set learning_rate=3        # wrong
$ auscult train codec --data recordings/ --set learning_rate=8e-4     # right
```

**Blind spots.** None known.

**How it is measured.** SNR, RMS ratio, correlation, DC and mel distance over the held-out recordings.
No threshold.

**Fix.** Lower the learning rate, or train with precision `no`. Safety: guess.

**References.** None.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

from auscult.finding import Finding, Fix, Severity
from auscult.rules.training.subject import TrainedSubject

CODE = "TRN027"
NAME = "training-diverged"
REQUIRES = TrainedSubject


def check(subject: TrainedSubject) -> Iterable[Finding]:
    names = tuple(
        name
        for name, value in subject.figures.items()
        if isinstance(value, float) and not math.isfinite(value)
    )
    if names:
        yield Finding(
            CODE,
            NAME,
            Severity.ERROR,
            names,
            f"not finite on held-out recordings after {subject.steps:,} steps: {', '.join(names)}",
            fix=Fix("guess", "lower the learning rate, or train with precision `no`"),
            rank=8,
        )
