"""Left is right and right is left.

**What it finds.** Two channels that each agree better with the other channel of the reference.

**What you hear.** The stage mirrored. On loudspeakers in a car nobody notices; beside a picture
everybody does.

**Why it happens.** A channel axis reversed in a port; right and left taken in the order of another
format; a stereo codec whose mid/side is decoded with the sign of side turned.

**What makes this sound.** Left and right were exchanged when the channels were read or written.

**Example.** Wrong and right:

```python
samples = samples[..., ::-1]  # wrong: [time, channels] turned round, meant for the time axis
samples = samples[::-1]       # right: the time axis
```

**Blind spots.** Channels that are alike; a mono recording. Phases that are the model's own: then
only the levels could tell.

**How it is measured.** Correlations of the aligned channels with the reference's: crossed at least
`MIN_MARGIN` = 0.01 above straight and at least 0.5, and leaving at most half as much unexplained.

**Fix.** Exchange the channels.
"""

from __future__ import annotations

from collections.abc import Iterable

from auscult.finding import Finding, Fix, Severity
from auscult.rules.sound._related import find_relation
from auscult.rules.sound.subject import SoundSubject
from auscult.sound.counterpart import correlate_channel_pairs

CODE = "SND048"
NAME = "channel-swap"
REQUIRES = SoundSubject
EVIDENCE = "reference"
EXTENT = "whole"
EXPLAINS = ()
WRITING = "exchange the channels when writing; check the order in which the decoder gives them"
MAX_REMAINING_SHARE = 0.5
"""Of what the straight order leaves unexplained. Chosen, not measured."""
MIN_MARGIN = 0.01
"""By which the crossed correlation has to be above the straight one. Chosen, not measured."""
MIN_CROSSED = 0.5
"""Crossed correlation that there has to be. Chosen, not measured."""


def check(subject: SoundSubject) -> Iterable[Finding]:
    relation = find_relation(subject)
    if relation is not None and relation.coherent:
        correlations = correlate_channel_pairs(relation)
    else:
        correlations = None
    if relation is None or correlations is None:
        return
    straight = relation.polarity * (correlations[0, 0] + correlations[1, 1]) / 2
    crossed = relation.polarity * (correlations[0, 1] + correlations[1, 0]) / 2
    if (
        crossed < MIN_CROSSED
        or crossed < straight + MIN_MARGIN
        or 1 - crossed > MAX_REMAINING_SHARE * (1 - straight)
    ):
        return
    yield Finding(
        CODE,
        NAME,
        Severity.ERROR,
        (subject.recording.name,),
        f"left and right are exchanged: correlation {crossed:.3f} crossed, {straight:.3f} as they "
        "are",
        confidence=min(0.99, 0.7 + crossed - straight),
        evidence={"crossed": round(float(crossed), 4), "straight": round(float(straight), 4)},
        fix=Fix("safe", "Exchange the channels.", code="samples = samples[::-1]"),
        rank=13,
    )
