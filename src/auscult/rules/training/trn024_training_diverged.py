"""A figure of the training is no longer a number.

**What it finds.** NaN or infinity in a training log, with what grew or fell to nothing before it.

**What you hear.** Silence or full-scale noise from the next checkpoint on.

**Why it happens.** A critic that wins (its loss at 0 while the generator's grows), a learning rate
that is too high, a logarithm or division that half precision turns into infinity.

**Example.** Wrong and right:

```python
loss.backward(); optimizer.step()                    # wrong: one NaN spoils every weight

if torch.isfinite(loss):                             # right: stop, or leave the batch out
    loss.backward(); optimizer.step()
```

**Blind spots.** Trainers that skip such steps and do not log them. Gaps that a logger writes as NaN
where a figure was not computed: a series with numbers again behind the NaN is left alone.

**How it is measured.** The last figures of a series are not finite. No threshold. Before it: loss of
the critic below 1 % (`MIN_CRITIC_SHARE`) of its median, another loss ten times (`MIN_GROWTH`) its
median.

**Fix.** Go back to a checkpoint from before, and mend what grew. Safety: guess.

**References.** kan-bayashi/ParallelWaveGAN issue 61, TensorSpeech/TensorFlowTTS issue 125.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

from auscult.facts.words import summarise_names
from auscult.finding import Finding, Fix, Severity
from auscult.preflight_checks.log_series import LogPoint, LogSeries
from auscult.rules.training._log_evidence import describe_imbalance
from auscult.rules.training.subject import PreflightSubject

CODE = "TRN024"
NAME = "training-diverged"
REQUIRES = PreflightSubject


def check(subject: PreflightSubject) -> Iterable[Finding]:
    ends = {
        series.name: point
        for series in subject.measured.log
        if (point := _find_end(series)) is not None
    }
    if not ends:
        return
    names = tuple(ends)
    first_point = min(ends.values(), key=lambda point: (point.step or 0, point.where))
    cause_text = describe_imbalance(subject.measured.log)
    yield Finding(
        CODE,
        NAME,
        Severity.ERROR,
        names,
        f"not finite from {first_point} to the end: {summarise_names(names)}"
        + (f"; before it, {cause_text}" if cause_text else ""),
        confidence=1.0,
        evidence={name: str(point) for name, point in ends.items()},
        fix=Fix("guess", "go back to a checkpoint from before, and mend what grew"),
        rank=11,
    )


def _find_end(series: LogSeries) -> LogPoint | None:
    """Where a series ends in what is no number; None where it goes on."""
    end = None
    for point in reversed(series.points):
        if math.isfinite(point.value):
            break
        end = point
    return end
