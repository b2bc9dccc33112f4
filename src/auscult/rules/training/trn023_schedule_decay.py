"""The learning rate falls so fast that most of the training stands still.

**What it finds.** Rates that fall by the same factor at every step, and are next to nothing long
before a training of this kind ends; with `planned_steps`, at its planned end.

**What you hear.** The sound of the first epoch, whatever the number of epochs.

**Why it happens.** A scheduler made for epochs (`ExponentialLR(optimizer, 0.999)`) is stepped once a
batch.

**Example.** Wrong and right:

```python
for batch in loader:
    train(batch)
    scheduler.step()      # wrong: 0.999 once a batch is 4e-44 after 100,000

for epoch in range(epochs):
    for batch in loader:
        train(batch)
    scheduler.step()      # right
```

**Blind spots.** Schedules that are not geometric (cosine, linear, plateau, warm-up) are not run ahead.
A short fine-tuning that means it: give `planned_steps`. Needs the user's own `step`.

**How it is measured.** The rate before the first watched step and after each: the same factor below 1
at each of at least three steps (within 1e-6). Reported where that gives less than a millionth
(`MIN_LEFT`) of the rate after 100,000 steps (`USUAL_STEPS`: HiFi-GAN was trained for
2,500,000), or after `planned_steps`. A warning; an error with `planned_steps`. In a log: a rate that
is below 1e-15 (`MAX_DEAD_RATE`) and not 0 in its last two records, an error.

**Fix.** Step the scheduler once an epoch, or take the root of its factor. Safety: guess.

**References.** coqui-ai/TTS issues 972 and 1003 (7e-111 after 240,000 steps); Kong et al. (arXiv
2010.05646), 4.1: 0.999 per epoch, 2,500,000 steps.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from itertools import pairwise

from auscult.finding import Finding, Fix, Severity
from auscult.preflight_checks.log_series import LogSeries
from auscult.rules.training._log_evidence import RATE_NAME
from auscult.rules.training.subject import PreflightSubject

CODE = "TRN023"
NAME = "schedule-decay"
REQUIRES = PreflightSubject
USUAL_STEPS = 100_000
"""Steps that trainings of audio models exceed; those of HiFi-GAN's paper are 25 times as many. Chosen, not measured."""
MIN_LEFT = 1e-6
"""Share of the first rate below which nothing is learnt any more. Chosen, not measured."""
MIN_STEPS = 3
"""Equal factors that make a rule of it. Chosen, not measured."""
MAX_DEAD_RATE = 1e-15
"""A rate in a log below which no float32 weight moves. Plateau schedulers stop at 1e-8. Chosen, not measured."""
FACTOR_TOLERANCE = 1e-6
"""Relative difference of two factors that are one. Chosen, not measured."""


def check(subject: PreflightSubject) -> Iterable[Finding]:
    yield from _check_log(subject.measured.log)
    watched = subject.measured.watched
    steps = watched.planned_steps or USUAL_STEPS
    for optimizer in watched.optimizers:
        factor = find_step_factor(optimizer.rates)
        if factor is None or factor ** float(steps) >= MIN_LEFT:
            continue
        first_rate = optimizer.rates[0]
        halving_steps = math.log(0.5) / math.log(factor)
        yield Finding(
            CODE,
            NAME,
            Severity.ERROR if watched.planned_steps else Severity.WARNING,
            (optimizer.name,),
            f"the learning rate of {optimizer.name} falls to {factor:.6g} of itself at every step: half"
            f" after {halving_steps:,.0f} steps, {format_rate(first_rate, factor, steps)} after"
            f" {steps:,}; a scheduler made for epochs is stepped once a batch",
            confidence=0.9,
            evidence={"rate": first_rate, "factor": factor, "steps": steps},
            fix=Fix("guess", "call scheduler.step() once an epoch"),
            rank=26,
        )


def _check_log(log: Iterable[LogSeries]) -> Iterable[Finding]:
    """Rates of a log that have died."""
    for series in log:
        last_values = series.values[-2:]
        if RATE_NAME.search(series.name) and all(0.0 < v < MAX_DEAD_RATE for v in last_values):
            yield Finding(
                CODE,
                NAME,
                Severity.ERROR,
                (series.name,),
                f"the learning rate {series.name} is {last_values[-1]:.3g} at {series.points[-1]}: nothing"
                " is learnt any more; a scheduler made for epochs is stepped once a batch",
                confidence=0.95,
                evidence={"rate": last_values[-1]},
                fix=Fix("guess", "call scheduler.step() once an epoch"),
                rank=26,
            )


def find_step_factor(rates: Sequence[float]) -> float | None:
    """The factor by which a rate falls at every step; None where it does not, or by others."""
    pairs = list(pairwise(rates))
    if len(pairs) < MIN_STEPS or min(rates) <= 0.0:
        return None
    factors = [after / before for before, after in pairs]
    if factors[0] >= 1.0 or max(factors) - min(factors) > FACTOR_TOLERANCE:
        return None
    return factors[0]


def format_rate(first_rate: float, factor: float, steps: int) -> str:
    """The rate after that many steps, also where it is below the smallest float."""
    exponent = math.log10(first_rate) + steps * math.log10(factor)
    if exponent < -300:
        return f"1e{exponent:.0f}"
    return f"{10**exponent:.1g}"
