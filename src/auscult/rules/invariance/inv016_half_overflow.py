"""In float16 or bfloat16 a module gives values that are no numbers.

**What it finds.** The first module whose output is infinite or no number, where it is finite in
float32.

**What you hear.** Silence, or a full-scale crack.

**Why it happens.** 1 / (alpha + 1e-9) where alpha is 0: 1e-9 is 0 in float16; scores of attention
above 65504; a sum of squares; -1e9 as a mask.

**Example.** Wrong and right:

```python
y = x + torch.sin(alpha * x) ** 2 / (alpha + 1e-9)  # wrong
y = x + torch.sin(alpha * x) ** 2 / (alpha.float() + 1e-9)  # right
```

**Blind spots.** Overflow on louder or longer inputs only.

**How it is measured.** The whole model is run in the format on the same input and noise. A
warning, unless `--precision` asks for the format.

**Fix.** Compute that module in float32. Safety: safe.

**References.** NVIDIA/tacotron2 issue 18, apple/coreai-models pull request 239.
"""

from __future__ import annotations

from collections.abc import Iterable

from auscult.finding import Finding
from auscult.rules.invariance.subject import CheckSubject, iter_cause_findings

CODE = "INV016"
NAME = "half-overflow"
REQUIRES = CheckSubject
RANK = 20


def check(subject: CheckSubject) -> Iterable[Finding]:
    yield from iter_cause_findings(subject, CODE, NAME, RANK)
