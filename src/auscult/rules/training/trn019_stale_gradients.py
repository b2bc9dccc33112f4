"""An optimizer steps with gradients that are left from another step.

**What it finds.** Steps whose gradients hold an earlier backward pass that an optimizer had already
used: the generator's pass in the critic's gradients, the critic's pass in the generator's, or the
last step's own.

**What you hear.** Metallic tone or buzz that training does not remove: the critic is pulled towards
judging wrongly, or the generator towards what the critic learns.

**Why it happens.** `zero_grad()` behind `step()` instead of before `backward()`, so that the other
network's pass fills the gradients in between; no `zero_grad()` at all; a forgotten `detach()`.

**Example.** Wrong and right:

```python
loss_d.backward(); optimizer_d.step(); optimizer_d.zero_grad()  # wrong: the generator's pass fills it
loss_g.backward(); optimizer_g.step()

optimizer_d.zero_grad(); loss_d.backward(); optimizer_d.step()  # right
optimizer_g.zero_grad(); loss_g.backward(); optimizer_g.step()
```

**Blind spots.** Accumulation over several passes is right and is not reported; a pass of the other
network between two of them, before any optimizer stepped, is not seen either. Needs the user's own
`step`.

**How it is measured.** Each backward pass is counted, and each parameter remembers the passes since
its gradient was last empty. No threshold: any step that mixes a used pass with a newer one.

**Fix.** Empty the gradients right before the backward pass. Safety: safe.

**References.** NVIDIA/NeMo PR 7266 and lucidrains/audiolm-pytorch issue 48 (discriminators).
"""

from __future__ import annotations

from collections.abc import Iterable

from auscult.finding import Finding, Fix, Severity
from auscult.preflight_checks.step_records import OptimizerRecord
from auscult.rules.training.subject import PreflightSubject

CODE = "TRN019"
NAME = "stale-gradients"
REQUIRES = PreflightSubject


def check(subject: PreflightSubject) -> Iterable[Finding]:
    for optimizer in subject.measured.watched.optimizers:
        if not optimizer.stale:
            continue
        owner = _name_owner(optimizer)
        yield Finding(
            CODE,
            NAME,
            Severity.ERROR,
            (optimizer.name,),
            f"{optimizer.stale} of {optimizer.steps} steps of {optimizer.name} ({owner}) used gradients"
            f" of an earlier backward pass, which {optimizer.stale_user} had used already: they were"
            f" {optimizer.left_share:.0%} of the norm; no zero_grad() came between",
            confidence=0.95,
            evidence={
                "stale_steps": optimizer.stale,
                "steps": optimizer.steps,
                "left_share": round(optimizer.left_share, 4),
            },
            fix=Fix(
                "safe",
                f"call zero_grad() of {optimizer.name} right before the backward pass that it steps"
                " with; detach() the model's output where the critic is trained",
            ),
            rank=12,
        )


def _name_owner(optimizer: OptimizerRecord) -> str:
    if optimizer.of_critics and not optimizer.of_model:
        return "the discriminator's"
    if optimizer.of_model and not optimizer.of_critics:
        return "the model's"
    return "of both"
