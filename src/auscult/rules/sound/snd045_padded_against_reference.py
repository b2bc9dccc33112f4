"""Silence before or after the sound that the reference does not have.

**What it finds.** Seconds at the ends of the recording that lie outside the reference, in which
there is no sound.

**What you hear.** A wait before, or a hole after.

**Why it happens.** Padding to a batch's longest or to a fixed window that is not cut off again; a
stop token that never came.

**Example.** Wrong and right:

```python
samples = model(tokens, frames=1200)                  # wrong: a window of fixed length
samples = model(tokens, frames=1200)[: frames * hop]  # right: cut to what was asked for
```

**Blind spots.** Padding with sound (a repeated last frame) is `truncated-sound` as something added.

**How it is measured.** Both are laid upon each other; what hangs over and has less than 50 ms of
sound within 40 dB of the loud blocks is silence. From `MIN_SECONDS` = 0.15 s on, which is more than
the frames that vocoders and codecs add.

**Fix.** Cut the seconds off that the message names.

**References.** Stable Audio Open pads every prompt to a window of 11.9 s.
"""

from __future__ import annotations

from collections.abc import Iterable

from auscult.finding import Finding, Fix, Severity
from auscult.rules.sound._related import find_relation, is_same_speed
from auscult.rules.sound.snd044_truncated_sound import MIN_SECONDS as LEAST_SOUND
from auscult.rules.sound.subject import SoundSubject
from auscult.sound.counterpart import measure_overhang

CODE = "SND045"
NAME = "padded-sound"
REQUIRES = SoundSubject
EVIDENCE = "reference"
EXTENT = "whole"
EXPLAINS = ("lag",)
MIN_SECONDS = 0.15
"""Silence from which on it is reported: more than the frames that vocoders and codecs add.

Chosen, not measured.
"""


def check(subject: SoundSubject) -> Iterable[Finding]:
    relation = find_relation(subject)
    if relation is None or subject.reference is None or not is_same_speed(relation):
        return
    overhang = measure_overhang(relation, *subject.finite_pair)
    before = overhang.extra_start if overhang.extra_sound[0] < LEAST_SOUND else 0.0
    after = overhang.extra_end if overhang.extra_sound[1] < LEAST_SOUND else 0.0
    parts = [
        f"{seconds:.2f} s of silence {end_name}"
        for seconds, end_name in ((before, "before"), (after, "after"))
        if seconds >= MIN_SECONDS
    ]
    if not parts:
        return
    length = relation.recording_seconds
    spans = ((0.0, before), (length - after, length))
    yield Finding(
        CODE,
        NAME,
        Severity.WARNING,
        (subject.recording.name,),
        f"{' and '.join(parts)} the sound that the reference does not have",
        confidence=0.95 if relation.coherent else 0.8,
        evidence={"before": round(before, 4), "after": round(after, 4)},
        fix=Fix("safe", "Cut the silence off."),
        times=tuple((round(a, 4), round(b, 4)) for a, b in spans if b - a >= MIN_SECONDS),
        rank=34,
    )
