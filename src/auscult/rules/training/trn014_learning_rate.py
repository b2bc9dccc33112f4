"""The learning rate is far from what this model needs.

**What it finds.** Rates at which the loss hardly moves while a rate at least ten times higher
works, and rates at which it blows up while a lower one works.

**What you hear.** Too low: days of training sound like the first minutes. Too high: noise, NaN.

**Why it happens.** A rate from a fine-tuning recipe, or one lowered to calm a training that had
another fault.

**Example.** Wrong and right:

```python
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-8)  # wrong: nothing moves
optimizer = torch.optim.AdamW(model.parameters(), lr=2e-4)  # right, as the sweep says
```

**Blind spots.** A few steps say what a rate does at the start, nothing of where it leads. Warm-up:
preflight sees the rate that the optimizer has now. Where chance (quantizer dropout) moves the loss
by 5 %, no rate is called too low.

**How it is measured.** Relative fall of the loss over 5 steps from the same start, at 0.01 to 1000
times the rate. Too low: below 5 % (`MAX_SLOW_FALL`) at this rate and more than 8 times that at ten
times the rate or more, and beyond 5 times the change at the lowest rate (`NOISE_FACTOR`). A loss
that goes anywhere is not held back by its rate: nothing is said where it rises by more than that,
where within twice as many steps it is 5 % from one value to another, up or down, or where a lower
rate does better. Too high: not finite, or half as high again (`MAX_RISE`), while a lower rate falls
by 5 %. A warning if too low, an error if too high.

**Fix.** The rate that fell most, divided by 3. Safety: guess.

**References.** Smith (arXiv 1506.01186), learning rate range test.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

from auscult.finding import Finding, Fix, Severity
from auscult.preflight_checks.records import LearningCurve
from auscult.rules.training.subject import PreflightSubject

CODE = "TRN014"
NAME = "learning-rate"
REQUIRES = PreflightSubject
MAX_SLOW_FALL = 0.05
"""Relative fall of the loss below which it stays where it is. Chosen, not measured."""
MIN_FALL_RATIO = 8.0
"""How many times as much it has to fall at a higher rate. Chosen, not measured."""
MIN_RATE_RATIO = 9.9
"""How many times higher that rate has to be; a little less than ten, for rounding.

Chosen, not measured.
"""
MAX_RISE = -0.5
"""Relative fall below which the loss blows up. Chosen, not measured."""
NOISE_FACTOR = 5.0
"""Changes of the loss at the lowest rate, times this, are chance. Chosen, not measured."""
MIN_NOISE = 0.005
"""Least change of the loss that is taken for chance. Chosen, not measured."""
MIN_COUNTED_FALL = 1e-3
"""A smaller fall counts as this where it is multiplied. Chosen, not measured."""
SAME_RATE_TOLERANCE = 0.01
"""Relative difference up to which two learning rates are one. Chosen, not measured."""


def check(subject: PreflightSubject) -> Iterable[Finding]:
    learning = subject.measured.learning
    if learning is None or not learning.sweep:
        return
    own_fall = _find_fall_at(learning, learning.learning_rate)
    if own_fall is None:
        return
    best_rate = max(learning.sweep, key=lambda rate: _rank_fall(learning.sweep[rate]))
    is_too_high = math.isnan(own_fall) or own_fall < MAX_RISE
    message = ""
    if is_too_high and _is_lower_rate_better(learning, best_rate):
        change = "is not finite" if math.isnan(own_fall) else f"rises by {-own_fall:.0%}"
        message = f"is too high: the loss {change}"
    elif _is_stagnant(learning, own_fall) and _is_higher_rate_better(learning, own_fall, best_rate):
        direction = "falls" if own_fall >= 0 else "rises"
        message = f"is too low: the loss {direction} by {abs(own_fall):.2%}"
    if not message:
        return
    yield Finding(
        CODE,
        NAME,
        Severity.ERROR if is_too_high else Severity.WARNING,
        ("optimizer",),
        f"{learning.learning_rate:.2g} {message} in {learning.sweep_steps} steps, at "
        f"{best_rate:.2g} by {learning.sweep[best_rate]:.0%}",
        confidence=0.8,
        evidence={f"{rate:.3g}": value for rate, value in learning.sweep.items()},
        fix=Fix("guess", f"try {best_rate / 3:.1g}"),
        rank=28,
    )


def _rank_fall(fall: float) -> float:
    if math.isnan(fall):
        return -math.inf
    return fall


def _is_lower_rate_better(learning: LearningCurve, best_rate: float) -> bool:
    return best_rate < learning.learning_rate and learning.sweep[best_rate] > MAX_SLOW_FALL


def _is_higher_rate_better(learning: LearningCurve, own_fall: float, best_rate: float) -> bool:
    """Whether a rate ten times higher or more does so much better that it is no chance."""
    needed_fall = max(
        MIN_FALL_RATIO * max(own_fall, MIN_COUNTED_FALL), own_fall + _estimate_noise(learning)
    )
    is_higher = best_rate >= MIN_RATE_RATIO * learning.learning_rate
    return is_higher and learning.sweep[best_rate] > needed_fall


def _is_stagnant(learning: LearningCurve, own_fall: float) -> bool:
    """Whether the loss stays where it is: it does not fall, nor rise, nor swing, and would not fall
    at a lower rate.
    """
    if not -max(_estimate_noise(learning), MIN_NOISE) < own_fall < MAX_SLOW_FALL:
        return False
    finite_losses = [
        loss for loss in learning.losses[: 2 * learning.sweep_steps] if math.isfinite(loss)
    ]
    if finite_losses and max(finite_losses) - min(finite_losses) >= MAX_SLOW_FALL * abs(
        finite_losses[0]
    ):
        return False
    return all(
        fall <= own_fall + MIN_NOISE
        for rate, fall in learning.sweep.items()
        if rate < learning.learning_rate
    )


def _estimate_noise(learning: LearningCurve) -> float:
    """What chance does to a fall: at the lowest rate hardly anything is learnt, yet quantizer
    dropout moves the loss.
    """
    lowest_fall = learning.sweep[min(learning.sweep)]
    if math.isfinite(lowest_fall):
        return NOISE_FACTOR * abs(lowest_fall)
    return math.inf


def _find_fall_at(learning: LearningCurve, rate: float) -> float | None:
    if not rate:
        return None
    for swept_rate, fall in learning.sweep.items():
        if abs(swept_rate / rate - 1) < SAME_RATE_TOLERANCE:
            return fall
    return None
