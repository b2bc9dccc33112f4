"""The recording is the reference played backwards.

**What it finds.** A recording that agrees with the reference only when its time runs the other way,
as a whole.

**What you hear.** Speech that swells and stops, in no language; music that sucks in its notes.

**Why it happens.** A flipped time axis (`[::-1]` on the wrong axis, a transposed convolution with
its kernel turned, a backward decoder whose output is not turned back).

**What makes this sound.** The time axis was flipped and not flipped back, so that the sound plays
backwards.

**Example.** Wrong and right:

```python
backward = lstm(x.flip(-1))           # wrong: not turned back
backward = lstm(x.flip(-1)).flip(-1)  # right
```

**Blind spots.** Sounds that are alike both ways. Frames reversed each in itself are
`frames-shuffled` or noise.

**How it is measured.** Correlation of the log-frequency spectrograms, or of the waveforms where
they agree, of the reversed recording with the reference: at least `MIN_CORRELATION` = 0.5, and
`MIN_GAIN` = 0.2 above that of the recording as it is.

**Fix.** Turn it round.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from auscult.finding import Finding, Fix, Severity
from auscult.rules.sound._related import MIN_CORRELATION, has_sound
from auscult.rules.sound.subject import SoundSubject
from auscult.rules.suspects import Suspect
from auscult.sound.recording import Recording
from auscult.sound.relation import mix_down
from auscult.sound.scaling import correlate_patterns
from auscult.sound.speed_search import SEARCH_RATE

CODE = "SND046"
NAME = "reversed"
REQUIRES = SoundSubject
EVIDENCE = "reference"
EXTENT = "whole"
EXPLAINS = (
    *(
        "frames-shuffled",
        "lag",
        "truncated-sound",
        "padded-sound",
        "gain",
        "mel-definition",
        "sample-rate-label",
        "time-stretch",
    ),
    *("phase-metallic", "sample-rate-suspected"),
)
SUSPECTS = (
    Suspect(
        ("time-reversed", "channels-reversed"),
        "an axis was flipped, as for a bidirectional or causal layer, and not flipped back",
        needs="traces",
    ),
)
WRITING = "reverse the samples, or drop the extra flip"
MIN_GAIN = 0.2
"""By which the reversed recording has to correlate better than the recording as it is.

Chosen, not measured.
"""
MAX_AS_IT_IS = 0.8
"""Correlation of the waveforms above which it surely runs forwards. Chosen, not measured."""
MAX_SECONDS = 120.0
"""Longer recordings are judged by their first two minutes against the reference's last, if both are
of one length.

Chosen, not measured.
"""


def check(subject: SoundSubject) -> Iterable[Finding]:
    if (
        subject.reference is None
        or not has_sound(subject)
        or abs(subject.relation.correlation) > MAX_AS_IT_IS
    ):
        return
    backwards = measure(*subject.finite_pair)
    forwards = subject.relation.rate_correlation
    if backwards < MIN_CORRELATION or backwards < forwards + MIN_GAIN:
        return
    yield Finding(
        CODE,
        NAME,
        Severity.ERROR,
        (subject.recording.name,),
        f"is the reference backwards: correlation {backwards:.2f} when turned round, "
        f"{forwards:.2f} as it is",
        confidence=min(0.99, 0.5 + backwards / 2),
        evidence={"reversed_correlation": round(backwards, 4), "correlation": round(forwards, 4)},
        fix=Fix("safe", "Turn it round.", code="samples = samples[:, ::-1]"),
        rank=9,
    )


def measure(recording: Recording, reference: Recording) -> float:
    """Correlation of the reversed recording's spectrogram with the reference's."""
    reversed_mono = Recording.from_mono(
        np.ascontiguousarray(mix_down(recording)[::-1]), recording.sample_rate
    ).cut(MAX_SECONDS)
    mono_reference = Recording.from_mono(mix_down(reference), reference.sample_rate).cut(
        MAX_SECONDS
    )
    resampled_pair = [side.resample(SEARCH_RATE).mono for side in (reversed_mono, mono_reference)]
    return correlate_patterns(resampled_pair[0], resampled_pair[1], SEARCH_RATE).correlation
