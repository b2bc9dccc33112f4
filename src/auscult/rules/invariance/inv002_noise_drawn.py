"""The model draws noise, so that no two outputs are the same.

**What it finds.** Modules that draw random numbers in a run in evaluation mode.

**What you hear.** Nothing, where noise is a source of the sound or a sampler's start; a hiss where
it was left in from training.

**Why it happens.** A source of noise, a sampler, a variational latent; or noise that was added for
training only.

**Example.** Wrong and right:

```python
x = x + 0.1 * torch.randn_like(x)  # wrong
x = x + 0.1 * torch.randn_like(x) if self.training else x  # right
```

**Blind spots.** Random numbers of Python and NumPy are seen as `not-repeatable`.

**How it is measured.** Two runs on the same input differ, and the framework's generator was asked.
Always a warning, unless `--expect determinism` asks for more: many models are meant to draw.

**Fix.** Take the noise as an argument, or seed the generator, where runs have to repeat. Safety:
safe.
"""

from __future__ import annotations

from collections.abc import Iterable

from auscult.finding import Finding
from auscult.rules.invariance.subject import CheckSubject, iter_cause_findings

CODE = "INV002"
NAME = "noise-drawn"
REQUIRES = CheckSubject
RANK = 60


def check(subject: CheckSubject) -> Iterable[Finding]:
    yield from iter_cause_findings(subject, CODE, NAME, RANK)
