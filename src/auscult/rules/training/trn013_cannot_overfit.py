"""The loss on one batch does not fall, at any learning rate.

**What it finds.** Loops whose loss does not fall on a single batch within a few dozen steps,
neither at their own learning rate nor at others from a hundredth to a thousand times that.

**What you hear.** The sound of an untrained model.

**Why it happens.** The optimizer goes uphill, gradients are cleared or clipped away before it
steps, targets change at random from step to step, the output does not depend on what is trained.

**Example.** Wrong and right:

```python
loss.backward()
optimizer.zero_grad()  # wrong: the gradient is gone before the step
optimizer.step()

optimizer.zero_grad()  # right
loss.backward()
optimizer.step()
```

**Blind spots.** A loss that falls by shrinking the output has learnt nothing yet: the level and
correlation at the end are in the report. A loss that is at its floor from the start.

**How it is measured.** Relative fall: first loss against the median of the last quarter, below 2 %
(`MIN_FALL`) in the steps and at every learning rate of the sweep; or a first step whose changes Δ
go up the gradient g: Σ -Δg over Σ |Δg| below -0.2 (`MAX_UPHILL`; Adam and SGD give 1). Then one
small step along the negative gradient, without the optimizer: where that lowers the loss, loop or
optimizer are at fault; where it does not, model or loss, which is information, since losses can
start flat.

**Fix.** In the loop. Safety: safe.

**References.** Karpathy, A Recipe for Training Neural Networks (2019), overfit one batch.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

from auscult.finding import Finding, Severity
from auscult.preflight_checks.records import LearningCurve
from auscult.rules.training.subject import PreflightSubject

CODE = "TRN013"
NAME = "cannot-overfit"
REQUIRES = PreflightSubject
MIN_FALL = 0.02
"""Relative fall of the loss below which it did not fall. Chosen, not measured."""
MIN_STEPS = 6
"""Steps below which nothing is said. Chosen, not measured."""
MAX_UPHILL = -0.2
"""Agreement of the first step with the descent, below which it goes uphill.

Measured on Adam and SGD: 1. Margin: 1.2.
"""


def measure_fall(losses: tuple[float, ...]) -> float:
    """First loss against the median of the last quarter, relative to the first."""
    tail = sorted(losses[-max(1, len(losses) // 4) :])
    return (losses[0] - tail[len(tail) // 2]) / max(abs(losses[0]), 1e-12)


def check(subject: PreflightSubject) -> Iterable[Finding]:
    learning = subject.measured.learning
    if learning is None or len(learning.losses) < MIN_STEPS:
        return
    own_fall = measure_fall(learning.losses)
    is_uphill = learning.downhill is not None and learning.downhill < MAX_UPHILL
    if math.isnan(own_fall) or not (is_uphill or _is_flat(learning, own_fall)):
        return
    course_text = (
        f"goes from {learning.losses[0]:.4g} to {learning.losses[-1]:.4g} in "
        f"{len(learning.losses)} steps"
    )
    if is_uphill:
        message = (
            f"the steps go uphill (agreement with the descent {learning.downhill:+.2f}): the loss "
            f"on one batch {course_text}"
        )
    else:
        rates_text = f"{min(learning.sweep):.1g} to {max(learning.sweep):.1g}"
        message = (
            f"the loss on one batch {course_text}, and at no learning rate from {rates_text} does "
            f"it fall by {MIN_FALL:.0%}{_describe_culprit(learning)}"
        )
    yield Finding(
        CODE,
        NAME,
        Severity.ERROR if is_uphill else _judge_severity(learning),
        (subject.measured.name,),
        message,
        evidence={
            "fall": round(own_fall, 5),
            "descent": learning.descent,
            "downhill": learning.downhill,
            "moved": learning.moved,
        },
        rank=9 if is_uphill else 34,
    )


def _judge_severity(learning: LearningCurve) -> Severity:
    """An error if a plain step does what the loop cannot; a loss that starts flat is none."""
    if learning.descent is None:
        return Severity.WARNING
    if learning.descent >= MIN_FALL:
        return Severity.ERROR
    return Severity.INFO


def _is_flat(learning: LearningCurve, own_fall: float) -> bool:
    return (
        bool(learning.sweep)
        and own_fall < MIN_FALL
        and not any(value >= MIN_FALL for value in learning.sweep.values())
    )


def _describe_culprit(learning: LearningCurve) -> str:
    if learning.descent is None:
        return ""
    if learning.descent >= MIN_FALL:
        return (
            f"; one plain step along the gradient lowers it by {learning.descent:.2%}: loop or "
            "optimizer are at fault"
        )
    return (
        f"; a plain step along the gradient lowers it by {learning.descent:.2%}: the loss is flat "
        "here"
    )
