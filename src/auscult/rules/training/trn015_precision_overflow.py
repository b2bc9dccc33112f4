"""Values of the training are not finite, as it is or under mixed precision.

**What it finds.** NaN or infinity in outputs, loss terms or gradients: in the format of the
training itself, and under autocast to bfloat16 and float16.

**What you hear.** Silence or noise from some step on; a loss of NaN.

**Why it happens.** A logarithm or root of zero, an epsilon that vanishes in 16 bits (1e-8 is 0 in
float16), squares or sums beyond 65,504, an exponential.

**Example.** Wrong and right:

```python
with torch.autocast("cuda", torch.float16):
    loss = (power + 1e-8).log().mean()          # wrong: 1e-8 is 0 in float16

with torch.autocast("cuda", enabled=False):
    loss = (power.float() + 1e-8).log().mean()  # right
```

**Blind spots.** Overflow that needs trained weights or louder material. What this machine cannot
run is listed as skipped. float16 is run forward only, since gradients there depend on the loss
scaler.

**How it is measured.** One pass on the batch's first item per format (outputs of the parts, loss
terms, for bfloat16 gradients too), and every step of the run. No threshold.

**Fix.** Keep logarithms, norms and losses in float32 (`with torch.autocast(enabled=False)`), and
epsilons above 1e-5. Safety: safe.

**References.** torch.amp, ops that autocast to float32.
"""

from __future__ import annotations

from collections.abc import Iterable

from auscult.facts.words import summarise_names
from auscult.finding import Finding, Severity
from auscult.rules.training.subject import PreflightSubject

CODE = "TRN015"
NAME = "precision-overflow"
REQUIRES = PreflightSubject


def check(subject: PreflightSubject) -> Iterable[Finding]:
    precision = subject.measured.precision
    if precision is None:
        return
    for number_format, names in precision.broken.items():
        is_own_format = number_format == "float32"
        if is_own_format:
            place, rank = "in the training itself", 12
        else:
            place, rank = f"under autocast to {number_format}", 26
        yield Finding(
            CODE,
            NAME,
            Severity.WARNING if number_format == "float16" else Severity.ERROR,
            names,
            f"not finite {place}: {summarise_names(names)}",
            evidence={"format": number_format},
            rank=rank,
        )
        if is_own_format:
            return
