"""Samples beyond full scale, which will be cut off as soon as they are written as integers.

**What it finds.** Samples above 1 in a recording of floats.

**What you hear.** Nothing yet; a player or a 16-bit file clips them, and the peaks crackle.

**Why it happens.** The output is not limited: a missing tanh, a gain after it, two voices added.

**What makes this sound.** The model's last layer or a mixer gives more than full scale.

**Example.** Wrong and right:

```python
soundfile.write("out.wav", voice + music, rate)  # wrong: the sum is louder than full scale
mix = voice + music
soundfile.write("out.wav", mix / max(1, np.abs(mix).max()), rate)  # right
```

**Blind spots.** Lossy files decode to a little more than full scale by nature: information, and not
told below `MIN_PEAK` = 1.05.

**How it is measured.** The peak. A warning from `WARNING_PEAK` = 1.25 on where more than
`WARNING_SHARE` = 1e-4 of all samples are above 1.

**Fix.** Safe: multiply by 1 / peak before writing.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from auscult.finding import Finding, Fix, Severity
from auscult.rules.sound.subject import SoundSubject

CODE = "SND035"
NAME = "over-full-scale"
REQUIRES = SoundSubject
EVIDENCE = "nothing"
EXTENT = "anywhere"
EXPLAINS = ()
FOLLOWS = True
WRITING = "scale the samples below full scale before they are written as integers"
MIN_PEAK = 1.05
"""Peak from which on it is told. Chosen, not measured."""
WARNING_PEAK = 1.25
"""Peak from which on it is a warning. Chosen, not measured."""
WARNING_SHARE = 1e-4
"""And the share of samples above 1 for that. Chosen, not measured."""
MAX_PEAK = 100.0
"""Above this the samples are integers in floats, which is `integer-scale`. Chosen, not measured."""


def check(subject: SoundSubject) -> Iterable[Finding]:
    analysis = subject.analysis
    if not MIN_PEAK <= analysis.peak <= MAX_PEAK:
        return
    share = float((np.abs(analysis.samples) > 1).mean())
    is_heard = analysis.peak >= WARNING_PEAK and share >= WARNING_SHARE
    yield Finding(
        CODE,
        NAME,
        Severity.WARNING if is_heard else Severity.INFO,
        (subject.recording.name,),
        f"the peak is {analysis.peak:.3g} times full scale: {share:.2%} of the samples are cut off "
        "when they are written as integers",
        confidence=0.95,
        evidence={"peak": round(analysis.peak, 4), "share": round(share, 6)},
        fix=Fix("safe", "Scale it.", code=f"samples = samples * {1 / analysis.peak:.6g}"),
        rank=45,
    )
