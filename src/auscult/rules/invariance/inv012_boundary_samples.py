"""A stream is shorter or longer than the whole.

**What it finds.** Chunks that give too few or too many output frames.

**What you hear.** A stutter or a skip at each boundary, and a sound that ends early or late.

**Why it happens.** Convolutions without padding lose kernel_size - 1 frames in each chunk;
transposed ones give some more, which belong to the next chunk; a trim at the end of each chunk.

**Example.** Wrong and right:

```python
wave = torch.cat([up(chunk)[..., :-8] for chunk in chunks], -1)  # wrong
wave = overlap_add([up(chunk) for chunk in chunks], overlap=8)  # right
```

**Blind spots.** Fewer than one output frame for each chunk.

**How it is measured.** The output frames of a chunk are counted against its share of the whole.

**Fix.** Carry the inputs or the ends over. Safety: safe.
"""

from __future__ import annotations

from collections.abc import Iterable

from auscult.finding import Finding
from auscult.rules.invariance.subject import CheckSubject, iter_cause_findings

CODE = "INV012"
NAME = "boundary-samples"
REQUIRES = CheckSubject
RANK = 13


def check(subject: CheckSubject) -> Iterable[Finding]:
    yield from iter_cause_findings(subject, CODE, NAME, RANK)
