"""A delayed input does not give a delayed output.

**What it finds.** Models with a finite reach whose output depends on where in the input something
stands.

**What you hear.** A texture that does not move with the sound.

**Why it happens.** Positions, a table of noise, or a stride that the shift is no multiple of.

**Example.** Wrong and right:

```python
y = x + self.table[:x.shape[-1]]  # wrong
y = x  # right
```

**Blind spots.** Models that look infinitely far are not judged.

**How it is measured.** The input is delayed by the fewest frames that are whole output frames, and
the middle compared. Always information, unless `--expect shift` asks for more.

**Fix.** None where positions are meant. Safety: safe.
"""

from __future__ import annotations

from collections.abc import Iterable

from auscult.finding import Finding
from auscult.rules.invariance.subject import CheckSubject, iter_cause_findings

CODE = "INV013"
NAME = "not-shift-invariant"
REQUIRES = CheckSubject
RANK = 85


def check(subject: CheckSubject) -> Iterable[Finding]:
    yield from iter_cause_findings(subject, CODE, NAME, RANK)
