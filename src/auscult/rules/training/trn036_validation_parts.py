"""The validation loss rises while the training loss goes on falling.

**What it finds.** In a training log: a loss of the validation that has passed its lowest value and
rises lastingly, while the same loss of the training still falls.

**What you hear.** Later checkpoints sound worse on recordings that were not trained on.

**Why it happens.** The model learns its recordings by heart: too few of them, too many parameters,
too many epochs.

**Example.** Wrong and right:

```python
torch.save(model.state_dict(), "last.pt")                 # wrong: long past the best validation
if validation_loss < best:                                # right
    best = validation_loss
    torch.save(model.state_dict(), "best.pt")
```

**Blind spots.** Losses of the two must have the same name but for `train` and `val`. Adversarial
losses are left alone: they may rise in a healthy training. A log without steps is not judged.

**How it is measured.** The middle of each five records of the validation (`WINDOW`). The last is
over the lowest by 10 % (`MIN_RISE`) and by five times the usual change from one record to the next
(`MIN_NOISE`), at least five records later; the training's loss falls between these places.

**Fix.** Keep the checkpoint of the lowest validation loss, or train on more data. Safety: guess.

**References.** None.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import pairwise
from statistics import median

from auscult.finding import Finding, Fix, Severity
from auscult.preflight_checks.log_series import LogPoint, LogSeries
from auscult.rules.training._log_evidence import CRITIC_NAME, GENERATOR_NAME, is_loss
from auscult.rules.training.subject import PreflightSubject

CODE = "TRN036"
NAME = "validation-parts"
REQUIRES = PreflightSubject
WINDOW = 5
"""Records of which the middle is taken. Chosen, not measured."""
MIN_RISE = 0.1
"""Rise over the lowest value, as a share of it. Chosen, not measured."""
MIN_NOISE = 5.0
"""Rise in units of the usual change between records. Chosen, not measured."""
_VALIDATION = re.compile(r"(?:^|(?<=[/_ .-]))(?:val(?:id(?:ation)?)?|eval)(?=[/_ .-])[/_ .-]", re.I)
_TRAINING = re.compile(r"(?:^|(?<=[/_ .-]))(?:train(?:ing)?)(?=[/_ .-])[/_ .-]", re.I)
_PER_STEP = re.compile(r"_(?:step|epoch)$", re.I)


def check(subject: PreflightSubject) -> Iterable[Finding]:
    training_by_name = {
        _PER_STEP.sub("", _TRAINING.sub("", series.name)): series
        for series in subject.measured.log
        if not _VALIDATION.search(series.name)
    }
    for series in subject.measured.log:
        name = _PER_STEP.sub("", _VALIDATION.sub("", series.name))
        training = training_by_name.get(name)
        if not _VALIDATION.search(series.name) or training is None or not is_loss(name):
            continue
        if CRITIC_NAME.search(name) or GENERATOR_NAME.search(name):
            continue
        parting = find_parting(series, training)
        if parting is None:
            continue
        best, last_middle = parting
        last = series.points[-1]
        yield Finding(
            CODE,
            NAME,
            Severity.WARNING,
            (series.name, training.name),
            f"{series.name} was lowest about {best} ({best.value:.4g}) and is {last_middle:.4g} at"
            f" {last}, while {training.name} still falls",
            confidence=0.7,
            evidence={"lowest": best.value, "last": last_middle, "best_step": best.step},
            fix=Fix("guess", "keep the checkpoint of the lowest validation loss, or add data"),
            rank=28,
        )


def find_parting(validation: LogSeries, training: LogSeries) -> tuple[LogPoint, float] | None:
    """The record about which the validation's loss was lowest, and the middle of its last ones; None where it does not part."""
    values = validation.values
    middles = [median(values[i : i + WINDOW]) for i in range(len(values) - WINDOW + 1)]
    if len(middles) <= WINDOW:
        return None
    lowest = min(range(len(middles)), key=middles.__getitem__)
    if len(middles) - 1 - lowest < WINDOW or middles[lowest] <= 0.0:
        return None
    noise = median(abs(after - before) for before, after in pairwise(values))
    rise = middles[-1] - middles[lowest]
    if not (rise > MIN_RISE * middles[lowest] and rise > MIN_NOISE * noise):
        return None
    best = validation.points[lowest + WINDOW // 2]
    if best.step is None:
        return None
    later = [p.value for p in training.points if p.step is not None and p.step > best.step]
    before = [p.value for p in training.points if p.step is not None and p.step <= best.step]
    if min(len(later), len(before)) < WINDOW or not median(later[-WINDOW:]) < median(
        before[-WINDOW:]
    ):
        return None
    return best, middles[-1]
