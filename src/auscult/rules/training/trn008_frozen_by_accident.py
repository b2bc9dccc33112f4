"""Parameters that get a gradient and do not move, or that no optimizer has.

**What it finds.** Parameters with a gradient that are in no optimizer; in an optimizer but
unchanged after the steps; with `requires_grad` off; and optimizers that hold tensors which the
model no longer has.

**What you hear.** A part that stays as it was initialised: noise from that part on.

**Why it happens.** The optimizer was made before the model was wrapped, moved or given weight norm;
a learning rate of zero in one group; `requires_grad_(False)` left from an experiment; only some
parts handed to the optimizer.

**Example.** Wrong and right:

```python
optimizer = torch.optim.AdamW(model.parameters())  # wrong: made before the last change
model.head = nn.Linear(512, 80)

model.head = nn.Linear(512, 80)                    # right: the optimizer comes last
optimizer = torch.optim.AdamW(model.parameters())
```

**Blind spots.** What is meant to stay belongs into `frozen`. Several optimizers, of which one was
not handed over.

**How it is measured.** Identity of the tensors in the optimizers, and the largest change of each
parameter over the steps; no threshold. Switched-off gradients alone are a warning, since they may
be meant.

**Fix.** Build the optimizer last, from `model.parameters()`. Safety: safe.

**References.** torch.optim, constructing an optimizer.
"""

from __future__ import annotations

from collections.abc import Iterable

from auscult.facts.words import summarise_names
from auscult.finding import Finding, Fix, Severity
from auscult.preflight_checks.records import ParameterStatus
from auscult.rules.training.subject import PreflightSubject

CODE = "TRN008"
NAME = "frozen-by-accident"
REQUIRES = PreflightSubject
MIN_MOVED = 1e-6
"""Largest relative change of any parameter below which the whole model stands still.

Chosen, not measured.
"""


def check(subject: PreflightSubject) -> Iterable[Finding]:
    parameters = subject.measured.parameters
    if parameters is None:
        return
    not_moving = parameters.not_moving
    learning = subject.measured.learning
    if learning is not None and (learning.moved or 0.0) < MIN_MOVED:
        not_moving = ()  # nothing moves: that is the loop's affair (cannot-overfit)
    not_optimized, not_required = parameters.not_optimized, parameters.not_required
    if not (not_optimized or not_moving or not_required):
        return
    yield Finding(
        CODE,
        NAME,
        Severity.ERROR if not_optimized or not_moving else Severity.WARNING,
        (*not_optimized, *not_moving, *not_required),
        _describe_frozen(parameters, not_moving),
        evidence={
            "not_optimized": len(not_optimized),
            "not_moving": len(not_moving),
            "not_required": len(not_required),
            "foreign": parameters.foreign,
        },
        fix=Fix(
            "safe",
            "build the optimizer last, from all parameters",
            code="torch.optim.AdamW(model.parameters(), lr)",
        ),
        rank=13,
    )


def _describe_frozen(parameters: ParameterStatus, not_moving: tuple[str, ...]) -> str:
    not_optimized, not_required = parameters.not_optimized, parameters.not_required
    parts = []
    if not_optimized:
        foreign_note = ""
        if parameters.foreign:
            foreign_note = f", which holds {parameters.foreign} tensors that are not the model's"
        parts.append(
            f"{len(not_optimized)} parameters with a gradient are in no optimizer{foreign_note}: "
            f"{summarise_names(not_optimized)}"
        )
    if not_moving:
        parts.append(
            f"{len(not_moving)} are in an optimizer and do not move: {summarise_names(not_moving)}"
        )
    if not_required:
        parts.append(f"{len(not_required)} have requires_grad off: {summarise_names(not_required)}")
    return "; ".join(parts)
