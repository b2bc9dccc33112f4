"""Rounded weights change the output by more than is allowed.

**What it finds.** Number formats in which the output's error is above the bound, and the fewest
layers that have to stay in float32.

**What you hear.** A hiss below the sound; with eight bits a rougher one.

**Why it happens.** A few layers multiply what rounding does to them: the last convolution, a
norm's scale, an embedding.

**Example.** Wrong and right:

```python
model.half()  # wrong
model.half()  # right
model.last.float()
```

**Blind spots.** Layers that are not rounded one by one for want of time. The set is found by
adding up squares, and measured; a smaller one may exist.

**How it is measured.** The weights of each module alone, and of all, are rounded to the format and
computed with in float32; int8 has one scale for each output channel.

**Fix.** Keep the named layers, with the recipe for `auscult convert`. Safety: lossy.
"""

from __future__ import annotations

from collections.abc import Iterable

from auscult.finding import Finding
from auscult.rules.invariance.subject import CheckSubject, iter_cause_findings

CODE = "INV018"
NAME = "rounding-heard"
REQUIRES = CheckSubject
RANK = 63


def check(subject: CheckSubject) -> Iterable[Finding]:
    yield from iter_cause_findings(subject, CODE, NAME, RANK)
