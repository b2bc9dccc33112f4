"""Input and target do not belong together: there is nothing to learn but the mean.

**What it finds.** Targets that are later or earlier than their input, and targets that the input
does not predict at all.

**What you hear.** Near silence or a blur. A loss on samples between signals that have nothing to do
with each other has its best answer at the mean.

**Why it happens.** Pairs of different utterances (a Spanish mel and the English waveform of the
same sentence), a data loader that shuffles one side, cropping of input and target at different
places, an uncompensated delay.

**Example.** Wrong and right:

```python
mel, wave = crop(mel), crop(wave)               # wrong: two random places
start = random.randrange(mel.shape[1] - 32)     # right: one place for both
mel, wave = mel[:, start : start + 32], wave[start * hop : (start + 32) * hop]
```

**Blind spots.** Relations that are not visible frame by frame; batches of less than two dozen
frames. A delay that is meant to be is given as `delay`.

**How it is measured.** Waveforms: the lag of the highest normalised cross-correlation, where that
is above 0.5 (`MIN_CORRELATION`). All inputs: how much of the target's log band energies, frame by
frame, a ridge regression on the input and its neighbours predicts on items that it has not seen,
each item about its own mean (R²), against targets exchanged between items and turned in time;
reported where R² is below 0.2 and no more than 0.1 above the best exchanged one (`MAX_LEARNABLE`,
`MIN_ADVANTAGE`). Right mels of 0.15 s gave 0.35 to 0.69, wrong ones -1.8 to -0.1.

**Fix.** In the data. Safety: safe.

**References.** ronliwag/tool at c1a1693: Spanish mel in, English waveform out, cut to the shorter.
"""

from __future__ import annotations

from collections.abc import Iterable

from auscult.finding import Finding, Severity
from auscult.preflight_checks.records import TargetAlignment
from auscult.rules.training.subject import PreflightSubject

CODE = "TRN006"
NAME = "misaligned-target"
REQUIRES = PreflightSubject
MIN_CORRELATION = 0.5
"""Correlation of the waveforms above which a lag is believed. Chosen, not measured."""
MAX_LEARNABLE = 0.2
"""Share of the target's frame energies that the input predicts (R²), below which they do not belong
together.

Measured on mels of 0.15 s: right ones 0.35 to 0.69, wrong ones -1.8 to -0.1. Margin: 0.15 and 0.3.
"""
MIN_ADVANTAGE = 0.1
"""By which R² has to be above that of the best exchanged target. Chosen, not measured."""


def check(subject: PreflightSubject) -> Iterable[Finding]:
    alignment = subject.measured.alignment
    if alignment is None or alignment.identical:
        return
    message = _describe_misalignment(alignment)
    if message:
        yield Finding(
            CODE,
            NAME,
            Severity.ERROR,
            (subject.measured.name,),
            message,
            evidence={
                "lag": alignment.lag,
                "correlation": alignment.correlation,
                "r2": alignment.learnable,
                "r2_exchanged": alignment.shuffled,
            },
            rank=5,
        )


def _describe_misalignment(alignment: TargetAlignment) -> str:
    """What is wrong in words; empty where nothing is, or nothing can be said."""
    if abs(alignment.correlation) >= MIN_CORRELATION:
        if alignment.lag == 0:
            return ""
        direction = "later" if alignment.lag > 0 else "earlier"
        return (
            f"the target is {abs(alignment.lag):,} samples {direction} than the input "
            f"(correlation {alignment.correlation:.2f})"
        )
    learnable, shuffled = alignment.learnable, alignment.shuffled
    if learnable is None or shuffled is None:
        return ""
    if learnable >= MAX_LEARNABLE or learnable >= shuffled + MIN_ADVANTAGE:
        return ""
    return (
        f"the input predicts {max(0.0, learnable):.0%} of the target's frame energies, exchanged "
        f"targets {max(0.0, shuffled):.0%}: they are not the same utterance, or not aligned"
    )
