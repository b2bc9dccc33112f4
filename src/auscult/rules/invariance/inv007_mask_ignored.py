"""The model takes a mask or lengths and does not use them.

**What it finds.** Models whose output with a mask is that without one, although padding changes
it.

**What you hear.** The end of shorter items in a batch is wrong, or all of them; attention goes to
silence.

**Why it happens.** The argument is taken and not handed on, or under a name that the module does
not have.

**Example.** Wrong and right:

```python
hidden = self.encoder(x)  # wrong
hidden = self.encoder(x, attention_mask=mask)  # right
```

**Blind spots.** A mask of a form that is neither given nor among the usual ones.

**How it is measured.** The input is padded with silence, once with the padding masked and once
with nothing masked. Both give the same, and the signal is not what it is alone.

**Fix.** Hand it on to every module that mixes frames. Safety: safe.

**References.** speechbrain/speechbrain issue 2986: a container that hands lengths on only under
the name `lengths`.
"""

from __future__ import annotations

from collections.abc import Iterable

from auscult.finding import Finding
from auscult.rules.invariance.subject import CheckSubject, iter_cause_findings

CODE = "INV007"
NAME = "mask-ignored"
REQUIRES = CheckSubject
RANK = 16


def check(subject: CheckSubject) -> Iterable[Finding]:
    yield from iter_cause_findings(subject, CODE, NAME, RANK)
