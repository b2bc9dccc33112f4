"""The critic learns to score the model's sound above real sound, and the generator wants just that.

**What it finds.** A critic and a generator that pull the same way: real and fake are exchanged in one
of the two losses.

**What you hear.** Noise or a drone that grows with training: the generator is rewarded for whatever
is least like the recordings.

**Why it happens.** Arguments in the wrong order, `loss(fake, real)`; labels 0 and 1 exchanged; the
generator's loss with the sign of the critic's.

**Example.** Wrong and right:

```python
loss_d = discriminator_loss(scores_fake, scores_real)   # wrong
loss_d = discriminator_loss(scores_real, scores_fake)   # right
```

**Blind spots.** Critics whose inputs are neither the batch's target nor the model's output (bands,
crops, concatenations) are not judged. Needs the user's own `step`.

**How it is measured.** Gradients at the critic's scores in both backward passes: the sign of real less
fake in the critic's, of fake in the model's. Both losses may turn the score round; they have to
disagree. Every step has to say the same, at least three.

**Fix.** In the code: exchange the arguments. Safety: safe.

**References.** Goodfellow et al. (arXiv 1406.2661), equation 1.
"""

from __future__ import annotations

from collections.abc import Iterable

from auscult.finding import Finding, Fix, Severity
from auscult.rules.training.subject import PreflightSubject

CODE = "TRN022"
NAME = "labels-exchanged"
REQUIRES = PreflightSubject
MIN_STEPS = 3
"""Steps that have to agree. Chosen, not measured."""


def check(subject: PreflightSubject) -> Iterable[Finding]:
    for critic in subject.measured.watched.critics:
        pairs = set(zip(critic.prefers_real, critic.model_wants_up, strict=False))
        step_count = min(len(critic.prefers_real), len(critic.model_wants_up))
        if step_count < MIN_STEPS or len(pairs) != 1:
            continue
        prefers_real, model_wants_up = next(iter(pairs))
        if prefers_real == model_wants_up:
            continue
        yield Finding(
            CODE,
            NAME,
            Severity.ERROR,
            (critic.name,),
            f"real and fake are exchanged: in {step_count} of {step_count} steps the discriminator"
            f" {critic.name} and the generator both pull the score of the model's output the same way,"
            " so that the critic rewards what is not real",
            confidence=0.9,
            evidence={"steps": step_count, "critic_prefers_real": prefers_real},
            fix=Fix("safe", "exchange real and fake in the critic's loss, or in the generator's"),
            rank=13,
        )
