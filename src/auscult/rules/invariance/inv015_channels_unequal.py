"""Exchanged channels do not come out exchanged.

**What it finds.** Stereo models that treat left and right differently.

**What you hear.** A picture that leans to one side.

**Why it happens.** Learned weights that mix the channels.

**Example.** Wrong and right:

```python
y = conv(stereo)  # wrong
y = torch.cat([conv(stereo[:, :1]), conv(stereo[:, 1:])], 1)  # right
```

**Blind spots.** Inputs and outputs with more than two channels.

**How it is measured.** Both axes of two channels are turned. Only a figure, unless `--expect
channels` asks for more.

**Fix.** None for most models. Safety: safe.
"""

from __future__ import annotations

from collections.abc import Iterable

from auscult.finding import Finding
from auscult.rules.invariance.subject import CheckSubject, iter_cause_findings

CODE = "INV015"
NAME = "channels-unequal"
REQUIRES = CheckSubject
RANK = 91


def check(subject: CheckSubject) -> Iterable[Finding]:
    yield from iter_cause_findings(subject, CODE, NAME, RANK)
