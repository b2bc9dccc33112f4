"""Padding gets into the signal although it is masked.

**What it finds.** Modules in which masked frames change others.

**What you hear.** A click, a buzz or a wrong sound at the end of shorter items; with norms over
time another level throughout.

**Why it happens.** A convolution hears the bias in padded frames; an attention or a norm over time
leaves the mask out; the mask is at another rate than the frames.

**Example.** Wrong and right:

```python
y = self.conv(x)  # wrong
y = self.conv(x * mask)  # right
```

**Blind spots.** Frames whose padding value has a meaning of its own. Padding is silence, or id 0.

**How it is measured.** The input is padded behind and masked, and stands in a batch with a longer
item. The place is the first module whose output for the signal differs although its inputs agree.

**Fix.** Silence padded frames in front of convolutions, and leave them out of attention and
statistics. Safety: safe.

**References.** pytorch/audio issue 2242 (group norm over time), jik876/hifi-gan issue 50.
"""

from __future__ import annotations

from collections.abc import Iterable

from auscult.finding import Finding
from auscult.rules.invariance.subject import CheckSubject, iter_cause_findings

CODE = "INV008"
NAME = "padding-leaks"
REQUIRES = CheckSubject
RANK = 17


def check(subject: CheckSubject) -> Iterable[Finding]:
    yield from iter_cause_findings(subject, CODE, NAME, RANK)
