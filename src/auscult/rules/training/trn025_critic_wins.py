"""The critic has won: its loss is at nothing, and the generator's grows.

**What it finds.** In a training log: a discriminator whose loss falls to nothing while a loss of the
generator becomes many times what it was.

**What you hear.** The last good checkpoint gets worse: noise, tones, then silence.

**Why it happens.** A critic that learns faster than the generator (rate, updates per step), an
adversarial loss that starts before the generator can speak, a critic that sees what gives the
generator away (padding, another normalisation).

**Example.** Wrong and right:

```python
optimizer_d = AdamW(critic.parameters(), 1e-3)    # wrong beside 1e-4 for the generator
optimizer_d = AdamW(critic.parameters(), 1e-4)    # right; and start it when the generator speaks
```

**Blind spots.** Losses under names that do not say whose they are. Hinge losses are at 0 in good
trainings too: without growth on the other side nothing is said.

**How it is measured.** The discriminator's loss below 1 % (`MIN_CRITIC_SHARE`) of its median over the
log, in the same record a generator's loss above ten times (`MIN_GROWTH`) its median.

**Fix.** Go back; lower the critic's rate or train it less often. Safety: guess.

**References.** kan-bayashi/ParallelWaveGAN issue 61.
"""

from __future__ import annotations

from collections.abc import Iterable

from auscult.finding import Finding, Fix, Severity
from auscult.rules.training._log_evidence import describe_imbalance, find_imbalance
from auscult.rules.training.subject import PreflightSubject

CODE = "TRN025"
NAME = "critic-wins"
REQUIRES = PreflightSubject


def check(subject: PreflightSubject) -> Iterable[Finding]:
    imbalance = find_imbalance(subject.measured.log)
    if imbalance is None:
        return
    yield Finding(
        CODE,
        NAME,
        Severity.ERROR,
        (imbalance.critic, imbalance.generator),
        describe_imbalance(subject.measured.log),
        confidence=0.9,
        evidence={
            "critic_loss": imbalance.critic_value,
            "generator_loss": imbalance.generator_value,
            "generator_median": imbalance.generator_median,
        },
        fix=Fix("guess", "go back to a checkpoint from before; lower the discriminator's rate"),
        rank=12,
    )
