"""A chunk does not know what came before.

**What it finds.** Streams whose chunks start from nothing.

**What you hear.** A click or a wrong start at each boundary, in the rhythm of the chunks.

**Why it happens.** The state of a recurrent layer, the last inputs of a convolution or the keys
and values of attention are made anew for each chunk.

**Example.** Wrong and right:

```python
y, _ = self.rnn(chunk)  # wrong
y, self.h = self.rnn(chunk, self.h)  # right
```

**Blind spots.** A delay of more than half of the output.

**How it is measured.** All chunks in a row are held against the whole output, at the delay at
which they agree best. The place is the first module whose joined outputs differ although its
joined inputs agree.

**Fix.** Keep what the module needs of the last chunk. Safety: safe.
"""

from __future__ import annotations

from collections.abc import Iterable

from auscult.finding import Finding
from auscult.rules.invariance.subject import CheckSubject, iter_cause_findings

CODE = "INV010"
NAME = "state-not-carried"
REQUIRES = CheckSubject
RANK = 18


def check(subject: CheckSubject) -> Iterable[Finding]:
    yield from iter_cause_findings(subject, CODE, NAME, RANK)
