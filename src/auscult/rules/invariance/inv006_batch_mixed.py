"""What else is in a batch changes an item.

**What it finds.** Modules that mix the items of a batch.

**What you hear.** A voice that changes with its neighbours; fine one by one, wrong in batches.

**Why it happens.** Statistics over axis 0 (a batch norm without running statistics, a norm written
by hand), a softmax or a sum along the wrong axis, a reshape that exchanges batch and time.

**Example.** Wrong and right:

```python
mean = x.mean((0, 2), keepdim=True)  # wrong
mean = x.mean(2, keepdim=True)  # right
```

**Blind spots.** A model that takes one item only.

**How it is measured.** The item is run alone, and in a batch with itself backwards and louder, the
noise being the same. A difference that is as much smaller in float64 is rounding.

**Fix.** Take statistics per item. Safety: safe.

**References.** huggingface/transformers issue 43377.
"""

from __future__ import annotations

from collections.abc import Iterable

from auscult.finding import Finding
from auscult.rules.invariance.subject import CheckSubject, iter_cause_findings

CODE = "INV006"
NAME = "batch-mixed"
REQUIRES = CheckSubject
RANK = 15


def check(subject: CheckSubject) -> Iterable[Finding]:
    yield from iter_cause_findings(subject, CODE, NAME, RANK)
