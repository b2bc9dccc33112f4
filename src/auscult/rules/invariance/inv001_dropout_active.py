"""Dropout drops although the model is in evaluation mode.

**What it finds.** Modules that draw a dropout mask in a run in evaluation mode.

**What you hear.** Another rendering each time: words slurred or repeated in some of them, and
never the same file twice.

**Why it happens.** `F.dropout(x, 0.5)` is active by default; `training=True` was left in from an
experiment; a dropout layer is made in `forward` and so is in training mode.

**Example.** Wrong and right:

```python
y = F.dropout(x, 0.5)  # wrong
y = F.dropout(x, 0.5, training=self.training)  # right
```

**Blind spots.** Models that are meant to drop out when they speak (the prenet of Tacotron 2):
`--allow determinism` makes it information. Dropout inside a fused attention shows as noise that
could not be recorded.

**How it is measured.** Two runs on the same input differ, and a run draws from a binary
distribution in evaluation mode.

**Fix.** Pass the mode on. Safety: safe.

**References.** Tacotron 2, section 2.2, which drops out in its prenet on purpose; NVIDIA/tacotron2
issue 28.
"""

from __future__ import annotations

from collections.abc import Iterable

from auscult.finding import Finding
from auscult.rules.invariance.subject import CheckSubject, iter_cause_findings

CODE = "INV001"
NAME = "dropout-active"
REQUIRES = CheckSubject
RANK = 10


def check(subject: CheckSubject) -> Iterable[Finding]:
    yield from iter_cause_findings(subject, CODE, NAME, RANK)
