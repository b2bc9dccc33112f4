"""Input and target do not belong together, or not at the same time: there is nothing to learn but the mean.

**What it finds.** Targets that are later or earlier than their input, and targets that the input does not predict at all.

**What you hear.** Near silence or a blur. A loss on samples between signals that have nothing to do with each other has its
best answer at the mean.

**Why it happens.** Pairs of different utterances (a Spanish mel and the English waveform of the same sentence), a data loader
that shuffles one side, cropping of input and target at different places, an uncompensated delay.

**Blind spots.** Relations that are not visible frame by frame; batches of less than two dozen frames. A delay that is meant
to be is given as `delay`.

**How it is measured.** Waveforms: the lag of the highest normalised cross-correlation, where that is above 0.5
(`MIN_CORRELATION`). All inputs: how much of the target's log band energies, frame by frame, a ridge regression on the input
and its neighbours predicts on items that it has not seen, each item about its own mean (R²), against targets exchanged
between items and turned in time; reported where R² is below 0.2 and no more than 0.1 above the best exchanged one
(`MAX_LEARNABLE`, `MIN_ADVANTAGE`). Right mels of 0.15 s gave 0.35 to 0.69, wrong ones -1.8 to -0.1.

**Fix.** In the data. Safety: safe.

**References.** ronliwag/tool at c1a1693: Spanish mel in, English waveform out, cut to the shorter.
"""

from __future__ import annotations

from collections.abc import Iterable

from auscult.finding import Finding, Severity
from auscult.rules.training.subject import PreflightSubject

CODE = "TRN006"
NAME = "misaligned-target"
REQUIRES = PreflightSubject
MIN_CORRELATION = 0.5
MAX_LEARNABLE = 0.2
MIN_ADVANTAGE = 0.1


def check(subject: PreflightSubject) -> Iterable[Finding]:
    found = subject.measured.alignment
    if found is None or found.identical:
        return
    evidence = {
        "lag": found.lag,
        "correlation": found.correlation,
        "r2": found.learnable,
        "r2_exchanged": found.shuffled,
    }
    if abs(found.correlation) >= MIN_CORRELATION:
        if found.lag != 0:
            word = "later" if found.lag > 0 else "earlier"
            said = f"the target is {abs(found.lag):,} samples {word} than the input (correlation {found.correlation:.2f})"
            yield Finding(
                CODE,
                NAME,
                Severity.ERROR,
                (subject.measured.name,),
                said,
                evidence=evidence,
                rank=5,
            )
        return
    if found.learnable is None or found.shuffled is None:
        return
    if found.learnable < MAX_LEARNABLE and found.learnable < found.shuffled + MIN_ADVANTAGE:
        said = (
            f"the input predicts {max(0.0, found.learnable):.0%} of the target's frame energies, exchanged targets"
            f" {max(0.0, found.shuffled):.0%}: they are not the same utterance, or not aligned"
        )
        yield Finding(
            CODE, NAME, Severity.ERROR, (subject.measured.name,), said, evidence=evidence, rank=5
        )
