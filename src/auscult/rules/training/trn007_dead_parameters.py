"""Trainable parameters that no loss reaches.

**What it finds.** Parameters whose gradient was None, or exactly zero, in every step.

**What you hear.** Nothing points at it: the model works with less than it has.

**Why it happens.** A branch that is never called or whose result is not used, a `detach()`, a
multiplication by zero, a ReLU that never opens.

**Example.** Wrong and right:

```python
skip = self.skip(x)                # wrong: computed, and never added
return self.body(x)

return self.body(x) + self.skip(x)  # right
```

**Blind spots.** Parameters that only some steps use (dropped layers, books) may be missed by a few
dozen steps: a name that was reached once is not reported. Codebooks are left out.

**How it is measured.** The largest absolute gradient at each optimizer step; no threshold: exactly
none.

**Fix.** In the code: use the branch, or remove it. Safety: safe.

**References.** torch.nn.parallel.DistributedDataParallel, `find_unused_parameters`, stops on the
same.
"""

from __future__ import annotations

from collections.abc import Iterable

from auscult.facts.words import summarise_names
from auscult.finding import Finding, Severity
from auscult.rules.training.subject import PreflightSubject

CODE = "TRN007"
NAME = "dead-parameters"
REQUIRES = PreflightSubject
MIN_SHARE = 0.02
"""Of the parameters; fewer are a warning. Chosen, not measured."""


def check(subject: PreflightSubject) -> Iterable[Finding]:
    parameters = subject.measured.parameters
    if parameters is None or not parameters.no_gradient:
        return
    count = len(parameters.no_gradient)
    yield Finding(
        CODE,
        NAME,
        Severity.ERROR if count >= MIN_SHARE * parameters.trainable else Severity.WARNING,
        parameters.no_gradient,
        f"no gradient reaches {count} of {parameters.trainable} parameters in "
        f"{subject.measured.steps} steps:"
        f" {summarise_names(parameters.no_gradient)}",
        evidence={"parameters": count, "of": parameters.trainable},
        rank=20,
    )
