"""Two runs give different outputs, and no random number of the framework explains it.

**What it finds.** Models whose outputs differ from run to run without a draw of torch or MLX.

**What you hear.** Another rendering each time.

**Why it happens.** Random numbers of Python or NumPy; memory that was never written
(`torch.empty`); sums on a device in no fixed order; a clock.

**Example.** Wrong and right:

```python
noise = torch.from_numpy(np.random.randn(*x.shape))  # wrong
noise = torch.randn_like(x)  # right
```

**Blind spots.** None known.

**How it is measured.** Two runs differ, and so do two fresh copies, although the noise of the
first run was drawn again.

**Fix.** Draw with the framework, and write memory before it is read. Safety: guess.
"""

from __future__ import annotations

from collections.abc import Iterable

from auscult.finding import Finding
from auscult.rules.invariance.subject import CheckSubject, iter_cause_findings

CODE = "INV004"
NAME = "not-repeatable"
REQUIRES = CheckSubject
RANK = 14


def check(subject: CheckSubject) -> Iterable[Finding]:
    yield from iter_cause_findings(subject, CODE, NAME, RANK)
