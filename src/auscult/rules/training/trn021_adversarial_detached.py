"""The critic's judgement never reaches the generator.

**What it finds.** Backward passes of the generator that go through a critic whose inputs carry no
gradient: the adversarial term is computed, and changes nothing but the critic's gradients.

**What you hear.** Over-smooth, buzzy sound, as without adversarial training.

**Why it happens.** `detach()` is right where the critic is trained; copied into the generator's step
it cuts the path. Also a `torch.no_grad()` around the model, or a conversion to NumPy on the way.

**Example.** Wrong and right:

```python
scores = critic(model(mel).detach())   # wrong in the generator's step
scores = critic(model(mel))            # right there
```

**Blind spots.** Where the critic's parameters are frozen during the generator's step, such a pass
fills nothing in the critic and is not seen. Needs the user's own `step`, and the critics in `keep`.

**How it is measured.** At each call of a critic: whether an input requires a gradient. No threshold:
all the generator's passes through it, and none with a gradient.

**Fix.** In the code: judge the model's output itself in the generator's step. Safety: safe.

**References.** nikhilsinghmus/image2reverb issue 37.
"""

from __future__ import annotations

from collections.abc import Iterable

from auscult.finding import Finding, Fix, Severity
from auscult.rules.training.subject import PreflightSubject

CODE = "TRN021"
NAME = "adversarial-detached"
REQUIRES = PreflightSubject


def check(subject: PreflightSubject) -> Iterable[Finding]:
    for critic in subject.measured.watched.critics:
        if critic.judged_detached and not critic.judged_attached:
            yield Finding(
                CODE,
                NAME,
                Severity.ERROR,
                (critic.name,),
                f"no gradient of the adversarial loss reaches the generator: in all"
                f" {critic.judged_detached} of its backward passes {critic.name} judged a detached output",
                confidence=0.95,
                evidence={"passes": critic.judged_detached},
                fix=Fix("safe", "give the critic the output itself in the generator's step"),
                rank=13,
            )
