"""The learning rate is far from what this model needs.

**What it finds.** Rates at which the loss hardly moves while a rate at least ten times higher works, and rates at which it
blows up while a lower one works.

**What you hear.** Too low: days of training sound like the first minutes. Too high: noise, NaN.

**Why it happens.** A rate from a fine-tuning recipe, or one lowered to calm a training that had another fault.

**Blind spots.** A few steps say what a rate does at the start, nothing of where it leads. Warm-up: preflight sees the rate
that the optimizer has now. Where chance (quantizer dropout) moves the loss by 5 %, no rate is called too low.

**How it is measured.** Relative fall of the loss over 5 steps from the same start, at 0.01 to 1000 times the rate. Too low:
below 5 % (`MAX_SLOW`) at this rate and more than 8 times that at ten times the rate or more, and beyond 5 times the change at
the lowest rate (`OVER_NOISE`). A loss that goes anywhere is not held back by its rate: nothing is said where it rises by more
than that, where within twice as many steps it is 5 % from one value to another, up or down, or where a lower rate does better.
Too high: not finite, or half as high again (`MAX_RISE`), while a lower rate falls by 5 %. A warning if too low, an error if too
high.

**Fix.** The rate that fell most, divided by 3. Safety: guess.

**References.** Smith (arXiv 1506.01186), learning rate range test.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

from auscult.finding import Finding, Fix, Severity
from auscult.preflight_checks.records import Learning
from auscult.rules.training.subject import PreflightSubject

CODE = "TRN014"
NAME = "learning-rate"
REQUIRES = PreflightSubject
MAX_SLOW = 0.05
MIN_RATIO = 8.0
MIN_HIGHER = 9.9
MAX_RISE = -0.5
OVER_NOISE = 5.0
MIN_NOISE = 0.005


def check(subject: PreflightSubject) -> Iterable[Finding]:
    found = subject.measured.learning
    if found is None or not found.sweep:
        return
    own = _at(found, found.learning_rate)
    if own is None:
        return
    best = max(
        found.sweep,
        key=lambda rate: -math.inf if math.isnan(found.sweep[rate]) else found.sweep[rate],
    )
    fell = found.sweep[best]
    blew = math.isnan(own) or own < MAX_RISE
    if blew and best < found.learning_rate and fell > MAX_SLOW:
        said = f"{found.learning_rate:.2g} is too high: the loss {'is not finite' if math.isnan(own) else f'rises by {-own:.0%}'}"
    elif (
        _stands(found, own)
        and best >= MIN_HIGHER * found.learning_rate
        and fell > max(MIN_RATIO * max(own, 1e-3), own + _noise(found))
    ):
        said = f"{found.learning_rate:.2g} is too low: the loss {'falls' if own >= 0 else 'rises'} by {abs(own):.2%}"
    else:
        return
    yield Finding(
        CODE,
        NAME,
        Severity.ERROR if blew else Severity.WARNING,
        ("optimizer",),
        f"{said} in {found.sweep_steps} steps, at {best:.2g} by {fell:.0%}",
        confidence=0.8,
        evidence={f"{rate:.3g}": value for rate, value in found.sweep.items()},
        fix=Fix("guess", f"try {best / 3:.1g}"),
        rank=28,
    )


def _stands(found: Learning, own: float) -> bool:
    """Whether the loss stays where it is: it does not fall, nor rise, nor swing, and would not fall at a lower rate."""
    if not -max(_noise(found), MIN_NOISE) < own < MAX_SLOW:
        return False
    seen = [loss for loss in found.losses[: 2 * found.sweep_steps] if math.isfinite(loss)]
    if seen and max(seen) - min(seen) >= MAX_SLOW * abs(seen[0]):
        return False
    return all(
        fall <= own + MIN_NOISE for rate, fall in found.sweep.items() if rate < found.learning_rate
    )


def _noise(found: Learning) -> float:
    """What chance does to a fall: at the lowest rate hardly anything is learnt, yet quantizer dropout moves the loss."""
    lowest = found.sweep[min(found.sweep)]
    return OVER_NOISE * abs(lowest) if math.isfinite(lowest) else math.inf


def _at(found: Learning, rate: float) -> float | None:
    near = (
        [value for other, value in found.sweep.items() if abs(other / rate - 1) < 0.01]
        if rate
        else []
    )
    return near[0] if near else None
