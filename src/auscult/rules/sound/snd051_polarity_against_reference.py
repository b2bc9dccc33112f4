"""The waveform is upside down against the reference.

**What it finds.** A recording that correlates negatively with the reference, as a whole or in one
channel of two.

**What you hear.** Nothing in one channel by itself. In one of two, a hollow sound without a middle,
and silence in mono.

**Why it happens.** A sign in a port (a subtraction the other way round, a kernel's sign, a cable).

**Example.** Wrong and right:

```python
output = skip - body(x)  # wrong: the port has the sign the other way round
output = body(x) - skip  # right: as in the original
```

**Blind spots.** A vocoder's phases are its own and have no polarity.

**How it is measured.** Sign of the correlation of pieces of the aligned waveforms, where it is at
least 0.5 in the median; in two channels each against its own, below `MAX_CHANNEL` = -0.5.

**Fix.** Negate the samples, or that channel.
"""

from __future__ import annotations

from collections.abc import Iterable

from auscult.finding import Finding, Fix, Severity
from auscult.rules.sound._related import find_relation
from auscult.rules.sound.subject import SoundSubject
from auscult.sound.correlation import centred_correlation
from auscult.sound.relation import Relation

CODE = "SND051"
NAME = "polarity"
REQUIRES = SoundSubject
EVIDENCE = "reference"
EXTENT = "whole"
EXPLAINS = ()
MAX_CHANNEL = -0.5
"""Correlation of a channel with its own below which it is upside down. Chosen, not measured."""


def check(subject: SoundSubject) -> Iterable[Finding]:
    relation = find_relation(subject)
    if relation is None or not relation.coherent:
        return
    flipped_channels = find_flipped_channels(relation)
    if not flipped_channels:
        return
    if len(flipped_channels) == len(relation.aligned_recording.samples):
        severity, rank = Severity.WARNING, 32
        place, code = "the waveform", "samples = -samples"
    else:
        severity, rank = Severity.ERROR, 12
        place = f"channel {flipped_channels[0]}"
        code = f"samples[{flipped_channels[0]}] *= -1"
    yield Finding(
        CODE,
        NAME,
        severity,
        (subject.recording.name,),
        f"{place} is upside down against the reference",
        confidence=0.98,
        evidence={"correlation": round(relation.correlation, 4), "channels": flipped_channels},
        fix=Fix("safe", "Negate it.", code=code),
        rank=rank,
    )


def find_flipped_channels(relation: Relation) -> list[int]:
    """Channels that are upside down against their own; one channel against one as a whole."""
    candidate_channels = relation.aligned_recording.samples
    reference_channels = relation.aligned_reference.samples
    if len(candidate_channels) == len(reference_channels) > 1:
        pairs = zip(candidate_channels, reference_channels, strict=True)
        return [i for i, (a, b) in enumerate(pairs) if centred_correlation(a, b) < MAX_CHANNEL]
    if relation.polarity < 0:
        return [0]
    return []
