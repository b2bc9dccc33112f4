"""The model is handed over in training mode, where it computes something else.

**What it finds.** Models with modules in training mode whose output differs from the one in
evaluation mode.

**What you hear.** Level and timbre that hang on what else is in the batch; words lost to dropout.

**Why it happens.** `model.eval()` was forgotten after loading, or `train()` was called on a part
of the model again.

**Example.** Wrong and right:

```python
model.load_state_dict(state)  # wrong
model.load_state_dict(state)  # right
model.eval()
```

**Blind spots.** A model whose training mode differs in code between modules is placed at the first
module that differs.

**How it is measured.** Each module in training mode is run on the input that it gets in evaluation
mode. All other properties are measured in evaluation mode.

**Fix.** Call `model.eval()`. Safety: safe.

**References.** mozilla/TTS issue 163.
"""

from __future__ import annotations

from collections.abc import Iterable

from auscult.finding import Finding
from auscult.rules.invariance.subject import CheckSubject, iter_cause_findings

CODE = "INV005"
NAME = "training-mode"
REQUIRES = CheckSubject
RANK = 5


def check(subject: CheckSubject) -> Iterable[Finding]:
    yield from iter_cause_findings(subject, CODE, NAME, RANK)
