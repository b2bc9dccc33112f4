"""Silence behind the input changes the output in front of it, and there is no mask.

**What it finds.** How much of the output changes when the input gets longer.

**What you hear.** A buzz at the end of items that were padded for a batch.

**Why it happens.** A convolution that looks ahead hears the padding in its last frames; attention
and norms over time hear it everywhere.

**Example.** Wrong and right:

```python
waves = vocoder(pad_sequence(mels))  # wrong
waves = [vocoder(mel) for mel in mels]  # right
```

**Blind spots.** Padding with another value than 0 (a mel spectrogram's silence is not 0).

**How it is measured.** The input is padded with zeros, and the output compared in front of them.
Always information, unless `--expect padding` asks for more: a model without a mask cannot know.

**Fix.** Run items one by one, or cut the frames that hear the padding. Safety: safe.

**References.** jik876/hifi-gan issue 50.
"""

from __future__ import annotations

from collections.abc import Iterable

from auscult.finding import Finding
from auscult.rules.invariance.subject import CheckSubject, iter_cause_findings

CODE = "INV009"
NAME = "padding-heard"
REQUIRES = CheckSubject
RANK = 80


def check(subject: CheckSubject) -> Iterable[Finding]:
    yield from iter_cause_findings(subject, CODE, NAME, RANK)
