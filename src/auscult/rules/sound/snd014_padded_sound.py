"""Silence where there should be sound: at the beginning or the end.

**What it finds.** A long silence before the first or after the last sound.

**What you hear.** Nothing for a while; or speech that ends early.

**Why it happens.** A buffer longer than what was generated, a decoder that stopped, a batch padded
to its longest member, a duration that was rounded up.

**What makes this sound.** Silence was made before or behind what was asked for.

**Example.** Wrong and right:

```python
samples = vocoder(pad(mel, 1000))               # wrong: padded to a fixed number of frames
samples = samples[: mel.shape[1] * hop]         # right: cut to the length of the mel
```

**Blind spots.** A pause that somebody wanted. What is missing is not seen, only that there is
silence in its place.

**How it is measured.** Peaks of 10 ms more than 60 dB below the loud ones. Reported where the
silence at one end is at least `MIN_SECONDS` = 1 s and `MIN_SHARE` = 0.3 of the whole. False alarms:
none on 270 clean clips of speech, music and instruments (180 set the thresholds, 90 were held out).

**Fix.** Lossy: cut the silence off.

**References.** EBU QC 0022B (audio silence).
"""

from __future__ import annotations

from collections.abc import Iterable

from auscult.finding import Finding, Fix, Severity
from auscult.rules.sound.subject import SoundSubject
from auscult.rules.suspects import Suspect
from auscult.sound.gaps import measure_end_silence, measure_envelope

CODE = "SND014"
NAME = "padded-sound"
REQUIRES = SoundSubject
EVIDENCE = "nothing"
EXTENT = "whole"
EXPLAINS = ()
SUSPECTS = (
    Suspect(
        ("mask-not-applied", "attention-mask"), "padding is rendered as content", needs="traces"
    ),
)
WRITING = "cut the output to the length that the input's frames give"
MIN_SECONDS = 1.0
"""Silence at one end from which on it is reported.

Measured on 270 clean clips of speech, music and instruments: no false alarm of the rule. Margin:
not recorded.
"""
MIN_SHARE = 0.3
"""Of the whole: silence at one end.

Measured on 270 clean clips of speech, music and instruments: no false alarm of the rule. Margin:
not recorded.
"""


def check(subject: SoundSubject) -> Iterable[Finding]:
    analysis = subject.analysis
    end_silence = measure_end_silence(
        measure_envelope(analysis.voice, analysis.sample_rate), analysis.seconds
    )
    longest = max(end_silence.before, end_silence.after)
    if (
        longest < MIN_SECONDS
        or longest < MIN_SHARE * end_silence.seconds
        or longest >= end_silence.seconds
    ):
        return
    is_at_end = end_silence.after >= end_silence.before
    if is_at_end:
        span = (end_silence.seconds - end_silence.after, end_silence.seconds)
    else:
        span = (0.0, end_silence.before)
    yield Finding(
        CODE,
        NAME,
        Severity.WARNING,
        (subject.recording.name,),
        f"{longest:.2f} s of {end_silence.seconds:.2f} s are silence "
        f"{'after the last' if is_at_end else 'before the first'} sound",
        confidence=0.9,
        evidence={"before": round(end_silence.before, 3), "after": round(end_silence.after, 3)},
        fix=Fix("lossy", "Cut the silence off."),
        times=((round(span[0], 4), round(span[1], 4)),),
        rank=35,
    )
