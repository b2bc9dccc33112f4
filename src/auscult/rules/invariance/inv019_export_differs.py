"""An exported form computes something else than the model that it was made from.

**What it finds.** Exports whose output differs beyond rounding.

**What you hear.** Anything: the port on the phone sounds wrong, and the model does not.

**Why it happens.** An operation that the exporter writes otherwise, a branch that was fixed when
it was traced, a length that became a constant.

**Example.** Wrong and right:

```python
torch.jit.trace(model, x)  # wrong
torch.jit.script(model)  # right
```

**Blind spots.** Other lengths than the given one. Forms whose exporter is not installed are left
out, and said.

**How it is measured.** The model is exported to a temporary file and held against itself by
`auscult compare`, whose verdict decides.

**Fix.** Run `auscult compare` on the two for the causes. Safety: guess.
"""

from __future__ import annotations

from collections.abc import Iterable

from auscult.finding import Finding
from auscult.rules.invariance.subject import CheckSubject, iter_cause_findings

CODE = "INV019"
NAME = "export-differs"
REQUIRES = CheckSubject
RANK = 11


def check(subject: CheckSubject) -> Iterable[Finding]:
    yield from iter_cause_findings(subject, CODE, NAME, RANK)
