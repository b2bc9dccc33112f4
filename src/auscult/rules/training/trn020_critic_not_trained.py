"""A critic (discriminator), or one of several, does not learn.

**What it finds.** Critics with a backward pass of their own that no optimizer holds, whose rate is 0,
that do not move, or of which a whole branch never gets a gradient before its optimizer steps.

**What you hear.** Buzz and smeared consonants, as from a vocoder trained on the mel alone: nothing
judges fine structure, or one scale only.

**Why it happens.** Critics missing from `parameters()` of their optimizer; a loss that is assigned in
a loop where it should be added, so that the last critic counts alone.

**Example.** Wrong and right:

```python
for real, fake in zip(scores_real, scores_fake):
    loss = ((1 - real) ** 2).mean() + (fake**2).mean()   # wrong: the last one stays
    loss = loss + ((1 - real) ** 2).mean() + (fake**2).mean()   # right
```

**Blind spots.** Critics whose turn comes later than the watched steps. Networks that judge without
being trained have no backward pass of their own and are left out. Needs the user's own `step`, and
the critics in `keep`.

**How it is measured.** Gradients at each step of the optimizer that holds them, and the values before
and after all steps. No threshold: none at all, or exactly unmoved.

**Fix.** In the code: sum the losses over all critics; give the optimizer all their parameters.
Safety: safe.

**References.** coqui-ai/TTS issue 3153 (the last discriminator alone).
"""

from __future__ import annotations

from collections.abc import Iterable

from auscult.facts.words import summarise_names
from auscult.finding import Finding, Fix, Severity
from auscult.preflight_checks.step_records import CriticRecord, StepRecord
from auscult.rules.training.subject import PreflightSubject

CODE = "TRN020"
NAME = "critic-not-trained"
REQUIRES = PreflightSubject


def check(subject: PreflightSubject) -> Iterable[Finding]:
    watched = subject.measured.watched
    for critic in watched.critics:
        problem, advice = _find_problem(critic, watched)
        if not problem:
            continue
        yield Finding(
            CODE,
            NAME,
            Severity.ERROR,
            tuple(f"{critic.name}.{part}" for part in critic.untrained) or (critic.name,),
            f"the discriminator {critic.name} {problem}",
            confidence=0.95,
            evidence={
                "tensors": critic.tensors,
                "backward_passes": critic.backward_passes,
                "untrained": list(critic.untrained),
                "moved": critic.moved,
            },
            fix=Fix("safe", advice),
            rank=14,
        )


def _find_problem(critic: CriticRecord, watched: StepRecord) -> tuple[str, str]:
    """What is wrong and what to do; empty where it learns."""
    if critic.optimizer is None:
        if critic.backward_passes:
            return (
                "gets gradients of its own, and no optimizer holds its parameters",
                "give its parameters to its optimizer",
            )
        return "", ""
    optimizer = next(o for o in watched.optimizers if o.name == critic.optimizer)
    if not optimizer.steps:
        return "", ""
    if optimizer.rates and max(optimizer.rates) == 0.0:
        return f"does not learn: {optimizer.name} has the rate 0", "give it a learning rate"
    if critic.untrained:
        names = summarise_names(critic.untrained)
        return (
            f"does not learn in {names}: no gradient there in any of {optimizer.steps} steps of"
            f" {optimizer.name}",
            "add up the losses of all its parts",
        )
    if critic.moved == 0.0:
        return f"does not move in {optimizer.steps} steps of {optimizer.name}", "look at its loss"
    return "", ""
