"""A trained model gives silence for sound.

**What it finds.** A model that `train` has trained, whose output on held-out recordings is next to
nothing.

**What you hear.** Nothing.

**Why it happens.** Silence is the least error of a model that knows nothing of its input: an encoder
without a gradient, a learning rate that is too high, a loss that a quiet output lowers.

**Example.** Wrong and right:

```python
loss = output.abs().mean() + (output - target).abs().mean()   # wrong: silence costs least
loss = (output - target).abs().mean()                         # right
```

**Blind spots.** Runs of fewer than 200 steps.

**How it is measured.** RMS of the output over that of the recordings below 0.01 (`MAX_SILENT_RATIO`),
40 dB down.

**Fix.** Run `auscult preflight` on the trainer: it names what keeps the model from learning. Safety:
guess.

**References.** None.
"""

from __future__ import annotations

from collections.abc import Iterable

from auscult.finding import Finding, Fix, Severity
from auscult.rules.training.subject import TrainedSubject

CODE = "TRN028"
NAME = "trained-to-silence"
REQUIRES = TrainedSubject
MAX_SILENT_RATIO = 0.01
"""RMS ratio at and below which an output counts as silence: 40 dB down. Chosen, not measured."""


def check(subject: TrainedSubject) -> Iterable[Finding]:
    ratio = subject.figures.get("rms_ratio")
    if subject.is_judged and ratio is not None and ratio < MAX_SILENT_RATIO:
        yield Finding(
            CODE,
            NAME,
            Severity.ERROR,
            ("rms_ratio",),
            f"the output is silence: {ratio:.2g} of the recordings' RMS after {subject.steps:,} steps",
            evidence={"rms_ratio": ratio},
            fix=Fix("guess", "look for what keeps the model from learning: `auscult preflight`"),
            rank=9,
        )
