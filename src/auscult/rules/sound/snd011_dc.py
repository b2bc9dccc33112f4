"""A constant under the sound.

**What it finds.** A mean that is not small against the sound.

**What you hear.** Nothing by itself; clicks where the recording starts and stops, less headroom.
Measures that square the samples are fooled: an RMS ratio of 1.33 can be a tenth of the sound on a
constant.

**Why it happens.** A bias of the last layer that training did not remove, an amplitude that
collapsed to its mean, unsigned samples read as signed.

**What makes this sound.** A constant is added to every sample. It is not heard, but it fools every
figure that compares levels.

**Example.** Wrong and right:

```python
samples = np.frombuffer(data, np.uint8) / 128        # wrong: silence is 128, which gives 1.0
samples = np.frombuffer(data, np.uint8) / 128 - 1.0  # right
```

**Blind spots.** A sound of a few cycles has a mean of its own.

**How it is measured.** The mean of each channel over the root mean square of the rest. Reported
above `MIN_SHARE` = 0.1, an error above `ERROR_SHARE` = 0.5. False alarms: none on 270 clean clips
of speech, music and instruments (180 set the thresholds, 90 were held out).

**Fix.** Safe: subtract the mean. Better: find the layer that adds it.

**References.** A codec whose output had mean -0.308 and deviation 0.114, reported as an "RMS ratio
of 1.33".
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from auscult.finding import Finding, Fix, Severity
from auscult.rules.sound.subject import SoundSubject
from auscult.rules.suspects import Suspect

CODE = "SND011"
NAME = "dc"
REQUIRES = SoundSubject
EVIDENCE = "nothing"
EXTENT = "mostly"
EXPLAINS = ()
FOLLOWS = True
SUSPECTS = (
    Suspect(
        ("bias-missing", "tensor-missing", "partial-load", "norm-missing"),
        "a bias of the last layers is missing or random",
        needs="weights",
    ),
    Suspect(
        ("codebook-collapse", "amplitude-conflict"),
        "a collapsed codec learns the mean of its targets and its own bias",
        needs="training",
    ),
)
WRITING = "take the mean off; keep mean, AC level and correlation apart when comparing"
MIN_SHARE = 0.1
"""Mean over the root mean square of the rest.

Measured on 270 clean clips of speech, music and instruments: no false alarm of the rule. Margin:
not recorded.
"""
ERROR_SHARE = 0.5
"""The same, above which it is an error. Chosen, not measured."""
MIN_CONSTANT = 1e-4
"""A smaller mean is none. Chosen, not measured."""


def check(subject: SoundSubject) -> Iterable[Finding]:
    analysis = subject.analysis
    channel_number = int(np.abs(analysis.means).argmax())
    channel_mean = float(analysis.means[channel_number])
    ac_rms = float(
        (analysis.samples[channel_number] - np.float32(channel_mean)).std(dtype=np.float64)
    )
    if abs(channel_mean) < MIN_CONSTANT or abs(channel_mean) < MIN_SHARE * ac_rms:
        return
    share = abs(channel_mean) / max(ac_rms, 1e-9)
    yield Finding(
        CODE,
        NAME,
        Severity.ERROR if share > ERROR_SHARE else Severity.WARNING,
        (subject.recording.name,),
        f"a constant of {channel_mean:+.3g} under a sound of {ac_rms:.3g} rms ({share:.0%} of it)",
        confidence=min(0.99, 0.7 + share / 2),
        evidence={
            "mean": channel_mean,
            "ac_rms": ac_rms,
            "share": round(share, 4),
            "channel": channel_number,
        },
        fix=Fix(
            "safe",
            "Subtract the mean of each channel.",
            code="samples - samples.mean(axis=-1, keepdims=True)",
        ),
        rank=31,
    )
