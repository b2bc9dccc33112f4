"""Chunks overlap less than the model looks.

**What it finds.** Windows whose overlap is shorter than the receptive field.

**What you hear.** A soft click at each boundary.

**Why it happens.** The overlap was guessed, or counts only the largest kernel.

**Example.** Wrong and right:

```python
wave = torch.cat([vocoder(chunk) for chunk in mel.split(32, -1)], -1)  # wrong
wave = torch.cat([vocoder(window)[..., begin:end] for window, begin, end in windows], -1)  # right
```

**Blind spots.** Models that look infinitely far.

**How it is measured.** An impulse in the middle of the input shows how many frames an output
depends on, before it and behind it.

**Fix.** Overlap by as many frames as the finding says. Safety: safe.

**References.** Blaizzy/mlx-audio pull request 618: 16 frames of context.
"""

from __future__ import annotations

from collections.abc import Iterable

from auscult.finding import Finding
from auscult.rules.invariance.subject import CheckSubject, iter_cause_findings

CODE = "INV011"
NAME = "overlap-short"
REQUIRES = CheckSubject
RANK = 19


def check(subject: CheckSubject) -> Iterable[Finding]:
    yield from iter_cause_findings(subject, CODE, NAME, RANK)
