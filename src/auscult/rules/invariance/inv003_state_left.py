"""A call leaves something behind that changes the next call.

**What it finds.** Models whose second call on the same input gives another output, while a fresh
copy gives the first one again.

**What you hear.** The first words of an utterance carry the voice or the reverberation of the one
before.

**Why it happens.** A cache, a hidden state or an average is kept on the module and nothing clears
it.

**Example.** Wrong and right:

```python
y, self.h = self.rnn(x, self.h)  # wrong
y, _ = self.rnn(x)  # right
```

**Blind spots.** State that is cleared by a method with another name than `reset`, `reset_state`,
`reset_states`, `reset_cache` or `reset_streaming`.

**How it is measured.** Run twice without a reset, then once on a copy from before the first run.
The place is the first module whose output differs although its inputs agree.

**Fix.** Clear it at the start of an utterance, in a method `reset()`. Safety: safe.
"""

from __future__ import annotations

from collections.abc import Iterable

from auscult.finding import Finding
from auscult.rules.invariance.subject import CheckSubject, iter_cause_findings

CODE = "INV003"
NAME = "state-left"
REQUIRES = CheckSubject
RANK = 12


def check(subject: CheckSubject) -> Iterable[Finding]:
    yield from iter_cause_findings(subject, CODE, NAME, RANK)
