"""Values come near the end of float16.

**What it finds.** Modules whose values go beyond 65504, with this input or one ten times as loud.

**What you hear.** A crack in loud passages only.

**Why it happens.** Large activations without a norm, energies, sums over many frames.

**Example.** Wrong and right:

```python
energy = (x ** 2).sum(-1)  # wrong
energy = (x.float() ** 2).mean(-1)  # right
```

**Blind spots.** Values inside a module that are no module's output.

**How it is measured.** The largest magnitudes of all modules' outputs in float32, on the input as
it is and ten times as loud. A warning.

**Fix.** Keep these modules in float32 or bfloat16. Safety: safe.
"""

from __future__ import annotations

from collections.abc import Iterable

from auscult.finding import Finding
from auscult.rules.invariance.subject import CheckSubject, iter_cause_findings

CODE = "INV017"
NAME = "half-headroom"
REQUIRES = CheckSubject
RANK = 62


def check(subject: CheckSubject) -> Iterable[Finding]:
    yield from iter_cause_findings(subject, CODE, NAME, RANK)
