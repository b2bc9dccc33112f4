"""One channel upside down.

**What it finds.** Two channels that are nearly each other's negative.

**What you hear.** A hollow stereo image without a middle; over one loudspeaker, nearly nothing.

**Why it happens.** A sign lost in one branch, mid and side channels taken for left and right with
the wrong sign.

**What makes this sound.** One channel is the negative of the other, or the whole is inverted: a
sign was lost on the way.

**Example.** Wrong and right:

```python
left, right = mid + side, side - mid  # wrong: the sign of the second one
left, right = mid + side, mid - side  # right
```

**Blind spots.** The polarity of a single channel cannot be heard, and needs a reference to be seen.

**How it is measured.** Correlation of the channels without their means, over all. Reported below
`MAX_CORRELATION` = -0.75. False alarms: none on 270 clean clips of speech, music and instruments
(180 set the thresholds, 90 were held out).

**Fix.** Safe: negate one channel.

**References.** Broadcast phase meters warn below 0.
"""

from __future__ import annotations

from collections.abc import Iterable

from auscult.finding import Finding, Fix, Severity
from auscult.rules.sound.subject import SoundSubject
from auscult.rules.suspects import Suspect
from auscult.sound.channels import correlate_channels

CODE = "SND012"
NAME = "polarity"
REQUIRES = SoundSubject
EVIDENCE = "nothing"
EXTENT = "mostly"
EXPLAINS = ()
FOLLOWS = True
SUSPECTS = (
    Suspect(
        ("factor", "weight-norm-swapped", "channels-reversed"),
        "a negative gain stands at the end of the model",
        needs="traces",
    ),
)
WRITING = "multiply the channel by -1"
MAX_CORRELATION = -0.75
"""Correlation of the channels below which one is the other's negative.

Measured on 270 clean clips of speech, music and instruments: no false alarm of the rule. Margin:
not recorded.
"""


def check(subject: SoundSubject) -> Iterable[Finding]:
    samples = subject.analysis.samples
    if samples.shape[0] != 2:
        return
    channel_correlation = correlate_channels(samples[0], samples[1])
    if channel_correlation > MAX_CORRELATION:
        return
    yield Finding(
        CODE,
        NAME,
        Severity.ERROR,
        (subject.recording.name,),
        f"the channels are each other's negative (correlation {channel_correlation:.2f}): "
        "together they cancel",
        confidence=min(0.99, -channel_correlation),
        evidence={"correlation": round(channel_correlation, 4)},
        fix=Fix("safe", "Negate one channel.", code="samples[1] = -samples[1]"),
        rank=12,
    )
