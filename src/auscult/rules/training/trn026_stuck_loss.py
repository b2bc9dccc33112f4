"""A loss has the same value all the time.

**What it finds.** In a training log: a loss that does not change by a digit over 1,000 steps.

**What you hear.** The sound of the first checkpoint, for ever.

**Why it happens.** A loss of constants (a detached input, a batch of silence that is read again and
again), an optimizer without the model's parameters, weights that have become NaN behind a clamp.

**Example.** Wrong and right:

```python
loss = (target.detach() - features(batch)).abs().mean()   # wrong: no output of the model in it
loss = (target - model(batch)).abs().mean()               # right
```

**Blind spots.** Terms that are switched off log 0 and are left alone. Logs with few digits look stuck
where a loss is flat: at least four digits are asked for.

**How it is measured.** The same number, other than 0, in all records from some step to the end, at
least five (`MIN_RECORDS`) over 1,000 steps (`MIN_STEPS`), with four significant digits
(`MIN_DIGITS`).

**Fix.** Look at what the loss is computed from. Safety: guess.

**References.** None.
"""

from __future__ import annotations

from collections.abc import Iterable

from auscult.finding import Finding, Fix, Severity
from auscult.preflight_checks.log_series import LogPoint, LogSeries
from auscult.rules.training._log_evidence import is_loss
from auscult.rules.training.subject import PreflightSubject

CODE = "TRN026"
NAME = "stuck-loss"
REQUIRES = PreflightSubject
MIN_RECORDS = 5
"""Equal figures at the end of a log. Chosen, not measured."""
MIN_STEPS = 1000
"""Steps over which they are equal. Chosen, not measured."""
MIN_DIGITS = 4
"""Significant digits of such a figure. Chosen, not measured."""


def check(subject: PreflightSubject) -> Iterable[Finding]:
    for series in subject.measured.log:
        equal_points = _list_equal_end(series)
        first, last = equal_points[0], equal_points[-1]
        if not is_loss(series.name) or len(equal_points) < MIN_RECORDS:
            continue
        if first.step is None or last.step is None or last.step - first.step < MIN_STEPS:
            continue
        if count_digits(last.value) < MIN_DIGITS:
            continue
        yield Finding(
            CODE,
            NAME,
            Severity.WARNING,
            (series.name,),
            f"{series.name} is {last.value:.6g} in all {len(equal_points)} records from {first} to {last}",
            confidence=0.8,
            evidence={"records": len(equal_points), "value": last.value},
            fix=Fix(
                "guess", "look at what this loss is computed from, and what the optimizer holds"
            ),
            rank=27,
        )


def _list_equal_end(series: LogSeries) -> list[LogPoint]:
    """The last figures, as many as are equal."""
    last_value = series.points[-1].value
    equal_points: list[LogPoint] = []
    for point in reversed(series.points):
        if point.value != last_value and equal_points:
            break
        equal_points.append(point)
    return equal_points[::-1]


def count_digits(value: float) -> int:
    """Significant digits of a number as it was written; 0 for zero."""
    mantissa = f"{value:.12g}".partition("e")[0].replace("-", "").replace(".", "")
    return len(mantissa.strip("0"))
