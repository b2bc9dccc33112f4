"""Mu-law once too often, heard without a reference: a curve on the samples that its inverse undoes.

**What it finds.** A voice or music whose samples become much easier to predict from their past when
they are compressed, or expanded, by mu-law.

**What you hear.** Expanded: quiet sounds vanish, loud ones are harsh. Compressed: hiss and breath as
loud as the voice, everything distorted.

**Why it happens.** The output of a model that gives linear samples is expanded all the same, or the
classes of one that gives mu-law are played as they are.

**What makes this sound.** The output is read on another scale of amplitudes than it was trained on.

**Example.** Wrong and right:

```python
samples = 2 * classes / 255 - 1               # wrong: the classes are on the scale of mu-law
samples = expand_mulaw(2 * classes / 255 - 1)  # right
```

**Blind spots.** Loud music that hardly leaves the straight part of the curve; noise, which nothing
predicts. With a reference it is the rule `companded` of its own that looks.

**How it is measured.** Linear prediction of order 16 in sounding frames of 32 ms, before and after
the curve of mu = 255 and its inverse, at three scales. A curve adds products of all frequencies that
cannot be predicted; its inverse takes them away. Reported where the inverse gains `MIN_EXPAND_DB` = 1 dB of
prediction (compressed once too often), or `MIN_COMPRESS_DB` = 1.4 (expanded once too often): of 687 real clips,
telephone codecs among them, none gains more than 0.09 and 0.95 dB.

**Fix.** Lossy: the inverse curve.

**References.** CorentinJ/Real-Time-Voice-Cloning 300.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from auscult.finding import Finding, Fix, Severity
from auscult.rules.sound.snd037_companded import compress, expand
from auscult.rules.sound.subject import SoundSubject
from auscult.sound.prediction import Doubles, choose_frames, measure_curve_gain_db

CODE = "SND061"
NAME = "companded"
REQUIRES = SoundSubject
EVIDENCE = "nothing"
EXTENT = "mostly"
EXPLAINS = (
    *("saturated", "clipping", "hiss", "flat-mel", "phase-metallic", "sample-rate-label", "click"),
    *("imaging", "aliasing", "frame-seams", "noise", "band-limited", "tone", "echo"),
)
WRITING = "expand what was compressed, once"
SCALES = (0.1, 0.3, 1.0)
"""Factors on the samples, whose peak is 1, before the curve. Chosen, not measured."""
MIN_FRAMES = 10
"""Sounding frames that there have to be. Chosen, not measured."""
MIN_EXPAND_DB = 1.0
"""Prediction that expanding gains.

Measured on 687 real clips of 48 sources, some of the reported half among them: 0.09 dB at most.
Margin: 0.9 dB.
"""
MIN_COMPRESS_DB = 1.4
"""Prediction that compressing gains.

Measured on 687 real clips of 48 sources, some of the reported half among them: 0.95 dB at most
(GSM). Margin: 0.45 dB.
"""


def find_curve(frames: Doubles) -> tuple[Literal["compressed", "expanded"], float] | None:
    """What was done once too often to [frames, frame] samples, and what undoing it gains in dB."""
    expanding = measure_curve_gain_db(frames, expand, SCALES)
    if expanding >= MIN_EXPAND_DB:
        return "compressed", expanding
    compressing = measure_curve_gain_db(frames, compress, SCALES)
    if compressing >= MIN_COMPRESS_DB:
        return "expanded", compressing
    return None


def check(subject: SoundSubject) -> Iterable[Finding]:
    if subject.reference is not None:
        return
    frames = choose_frames(subject.analysis.voice, subject.analysis.sample_rate)
    curve = find_curve(frames) if len(frames) >= MIN_FRAMES else None
    if curve is None:
        return
    direction, gain = curve
    inverse = "Expand" if direction == "compressed" else "Compress"
    yield Finding(
        CODE,
        NAME,
        Severity.WARNING,
        (subject.recording.name,),
        f"mu-law {direction} once too often: undoing it makes the samples {gain:.1f} dB more "
        "predictable, which no curve does to a sound that is straight",
        confidence=0.8,
        evidence={"curve": direction, "gain_db": round(gain, 2)},
        fix=Fix("lossy", f"{inverse} the samples by mu-law, once."),
        settled_by="auscult listen FILE --ref REFERENCE",
        rank=12,
    )
