"""Pieces missing from the middle of the sound.

**What it finds.** Runs of equal samples (zeros, or a value that is held) that begin in the middle
of a loud sound and end in one.

**What you hear.** Clicks, stutter, holes.

**Why it happens.** Lost blocks, a buffer that ran dry, chunks that were not written, NaN rendered
as zeros.

**What makes this sound.** Blocks were lost, or frames came out as NaN and were written as zeros.
Holes of silence are what remains.

**Example.** Wrong and right:

```python
for chunk in chunks:
    output.write(decode(chunk) if ready() else np.zeros(hop))  # wrong: a hole for every wait

for chunk in chunks:
    output.write(decode(chunk))  # right: every chunk is written
```

**Blind spots.** Gaps that were faded, or filled by repetition or by noise. A stop consonant ends
and begins more softly.

**How it is measured.** Runs of at least `MIN_SECONDS` = 1.5 ms with the millisecond before and
after at least `MIN_EDGE` = 0.25 of the loud parts' root mean square; `MIN_GAPS` = 2 of them, or one
of at least 5 ms at `SURE_EDGE` = 0.5, or that begins at `CUT_EDGE` = 0.8 whatever follows: clean
speech stops at 0.36 at most. False alarms: none on 270 clean clips of speech, music and instruments
(180 set the thresholds, 90 were held out).

**Fix.** None in the sound.

**References.** essentia's GapsDetector: below -50 dB for 10 to 3,500 ms after more than -30 dB.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from auscult.facts.words import format_count
from auscult.finding import Finding, Severity
from auscult.rules.sound.shared_suspects import OFF_TRAINING
from auscult.rules.sound.subject import SoundSubject
from auscult.rules.suspects import Suspect
from auscult.sound.gaps import Spans, find_cut_outs
from auscult.sound.steps import find_period

CODE = "SND013"
NAME = "dropouts"
REQUIRES = SoundSubject
EVIDENCE = "nothing"
EXTENT = "anywhere"
EXPLAINS = ("padded-sound",)
FOLLOWS = True
SUSPECTS = (
    Suspect(
        ("precision-overflow", "non-finite"),
        "single frames overflow and are written as zeros",
        needs="traces",
    ),
    Suspect(
        ("attention-mask", "mask-not-applied"),
        "masked or padded frames are treated as content, or content as padding",
        needs="traces",
    ),
    OFF_TRAINING,
)
WRITING = (
    "check how the chunks are joined: write every chunk, and overlap those of a model with context"
)
MIN_SECONDS = 0.0015
"""Shortest run of equal samples. Chosen, not measured."""
MIN_EDGE = 0.25
"""Level of the millisecond before and after, against the loud parts.

Measured on 270 clean clips of speech, music and instruments: no false alarm of the rule. Margin:
not recorded.
"""
MIN_GAPS = 2
"""Runs that there have to be where none is sure.

Measured on 270 clean clips of speech, music and instruments: no false alarm of the rule. Margin:
not recorded.
"""
SURE_EDGE = 0.5
"""Level on both sides at which one long run is enough.

Measured on clean speech: it stops at 0.36 at most. Margin: 1.4.
"""
CUT_EDGE = 0.8
"""Level before a long run at which nothing has to follow.

Measured on clean speech: it stops at 0.36 at most. Margin: 2.2.
"""
SURE_SECONDS = 0.005
"""Length of a long run. Chosen, not measured."""
AT_PEAK = 0.9
"""Of the peak: runs above this are clipping. Chosen, not measured."""
MAX_TIMES = 50
"""Gaps whose times a finding lists. Chosen, not measured."""
MIN_LEVELS = 257
"""With fewer levels, as 8 bits have, the samples of a soft sound are equal by themselves.

Chosen, not measured.
"""


def _list_times(spans: Spans, sample_rate: int) -> tuple[tuple[float, float], ...]:
    """Start and end of the first spans, in seconds."""
    seconds = spans[:MAX_TIMES] / sample_rate
    return tuple((round(float(start), 4), round(float(end), 4)) for start, end in seconds)


def check(subject: SoundSubject) -> Iterable[Finding]:
    analysis = subject.analysis
    if analysis.level_count < MIN_LEVELS:
        return
    for channel_number, channel in enumerate(analysis.samples):
        spans, edges = find_cut_outs(channel, analysis.sample_rate, MIN_SECONDS)
        is_below_peak = (
            np.abs(channel[spans[:, 0]]) < AT_PEAK * analysis.peak
        )  # runs on the ceiling are clipping
        is_long = is_below_peak & (spans[:, 1] - spans[:, 0] >= SURE_SECONDS * analysis.sample_rate)
        is_cut_out = is_below_peak & (edges.min(axis=1) > MIN_EDGE)
        is_sure = is_long & ((edges.min(axis=1) > SURE_EDGE) | (edges[:, 0] > CUT_EDGE))
        if is_cut_out.sum() < MIN_GAPS and not is_sure.any():
            continue
        spans = spans[is_cut_out | is_sure]
        period = find_period(tuple(spans[:, 0].tolist()))
        every = "" if period is None else f", every {period / analysis.sample_rate:.4g} s"
        lost_seconds = float((spans[:, 1] - spans[:, 0]).sum()) / analysis.sample_rate
        yield Finding(
            CODE,
            NAME,
            Severity.ERROR,
            (subject.recording.name,),
            f"{format_count(len(spans), 'piece')} missing from the middle of the sound, "
            f"{1000 * lost_seconds:.0f} ms in all{every}",
            confidence=min(0.99, 0.7 + 0.05 * len(spans)),
            evidence={
                "gaps": len(spans),
                "seconds": round(lost_seconds, 4),
                "channel": channel_number,
                "period_seconds": period and round(period / analysis.sample_rate, 5),
            },
            times=_list_times(spans, analysis.sample_rate),
            rank=14,
        )
        return
