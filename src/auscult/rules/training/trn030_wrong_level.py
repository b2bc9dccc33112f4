"""A trained model's output has another level than the recordings.

**What it finds.** A model that `train` has trained, whose output on held-out recordings is much louder
than they are, or much quieter than its own SNR explains.

**What you hear.** The right sound too loud (with clipping) or too quiet.

**Why it happens.** A loss that sets the level against the waveform's, a gain that is trained by
nothing, a scale that is applied twice.

**Example.** Wrong and right:

```python
output = decoder(codes) * gain * gain    # wrong
output = decoder(codes) * gain           # right
```

**Blind spots.** Runs of fewer than 200 steps.

**How it is measured.** RMS of the output over that of the recordings. The least-squares answer at an
SNR has a ratio of √(1 - 10^(-SNR/10)): a model that knows little is rightly quiet. Reported above 1.6
(`MAX_RATIO`) times the recordings, or below that answer by the same factor.

**Fix.** Look for what sets the level: `auscult preflight` says it. Safety: guess.

**References.** None.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

from auscult.finding import Finding, Fix, Severity
from auscult.rules.training.subject import TrainedSubject
from auscult.rules.training.trn028_trained_to_silence import MAX_SILENT_RATIO

CODE = "TRN030"
NAME = "wrong-level"
REQUIRES = TrainedSubject
MAX_RATIO = 1.6
"""RMS over what it should be, either way; the monitor of a running training uses the same. Chosen,
not measured.
"""


def check(subject: TrainedSubject) -> Iterable[Finding]:
    ratio, snr = subject.figures.get("rms_ratio"), subject.figures.get("snr")
    if not subject.is_judged or ratio is None or snr is None or ratio < MAX_SILENT_RATIO:
        return
    lowest = math.sqrt(max(0.0, 1.0 - 10.0 ** (-snr / 10.0))) / MAX_RATIO
    if ratio > MAX_RATIO or ratio < lowest:
        yield Finding(
            CODE,
            NAME,
            Severity.ERROR,
            ("rms_ratio",),
            f"RMS ratio {ratio:.3g} on held-out recordings, where {lowest:.2g} to {MAX_RATIO} fits its"
            f" SNR of {snr:.1f} dB",
            evidence={"rms_ratio": ratio, "snr_db": snr},
            fix=Fix("guess", "look for what sets the level: `auscult preflight`"),
            rank=16,
        )
