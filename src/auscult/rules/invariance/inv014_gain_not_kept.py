"""An input twice as loud does not give an output twice as loud.

**What it finds.** Models that are not linear in level.

**What you hear.** A voice whose timbre hangs on how loud the recording is.

**Why it happens.** Activations, normalisation, logarithms: most models.

**Example.** Wrong and right:

```python
y = torch.tanh(conv(x))  # wrong
y = conv(x)  # right
```

**Blind spots.** None known.

**How it is measured.** The main input is doubled. Only a figure, unless `--expect gain` asks
for more.

**Fix.** None for most models; normalise the level in front of it. Safety: safe.
"""

from __future__ import annotations

from collections.abc import Iterable

from auscult.finding import Finding
from auscult.rules.invariance.subject import CheckSubject, iter_cause_findings

CODE = "INV014"
NAME = "gain-not-kept"
REQUIRES = CheckSubject
RANK = 90


def check(subject: CheckSubject) -> Iterable[Finding]:
    yield from iter_cause_findings(subject, CODE, NAME, RANK)
