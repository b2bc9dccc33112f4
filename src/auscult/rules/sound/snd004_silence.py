"""There is nothing to hear.

**What it finds.** A recording whose loudest deviation from its mean is within two steps of 16 bits,
or below -80 dBFS.

**What you hear.** Nothing.

**Why it happens.** NaN rendered as zeros, a last layer that was never loaded, a gain of zero, the
wrong channel, an output scaled by 32,768 twice and then stored as integers.

**What makes this sound.** Nothing, or next to nothing, comes out of the model, or it was lost when
the samples were written.

**Example.** Wrong and right:

```python
pcm = (samples / 32768).astype(np.int16)           # wrong: the samples are within ±1 already
pcm = (samples.clip(-1, 1) * 32767).astype(np.int16)  # right
```

**Blind spots.** A floating-point file at -90 dBFS with all its detail is `integer-scale`, since the
sound can be had back.

**How it is measured.** Peak about the mean, of all channels. Reported below `MAX_PEAK` = 1e-4 (-80
dBFS), unless more than `MAX_LEVELS` = 64 different levels show that the detail is there. Below `QUIET_PEAK` = 1e-3 (-60 dBFS) it is too quiet where no more than
`QUIET_LEVELS` = 66 levels are left. No clean
clip comes within 50 dB of it. False alarms: none on 270 clean clips of speech, music and
instruments (180 set the thresholds, 90 were held out).

**Fix.** None in the sound. Look at the values before they are written: NaN, zeros, or a scale.

**References.** EBU QC 0022B (audio silence) has -60 dB for 3 s; ours is lower, since a quiet
recording is no silence.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from auscult.finding import Finding, Severity
from auscult.rules.sound.subject import SoundSubject
from auscult.rules.suspects import Suspect

CODE = "SND004"
NAME = "silence"
REQUIRES = SoundSubject
EVIDENCE = "nothing"
EXTENT = "always"
EXPLAINS = (
    "padded-sound",
    "dc",
    "dropouts",
    "flat-mel",
    "noise",
    "buzz",
    "clipping",
    "saturated",
    "band-limited",
    "imaging",
    *("byte-order", "interleave", "wrap-around", "coarse-steps", "hiss", "tone", "click", "echo"),
    *("aliasing", "dc-step", "edge-burst", "repeat", "phase-metallic", "frame-seams"),
)
FOLLOWS = True
SUSPECTS = (
    Suspect(
        ("non-finite", "precision-overflow"),
        "NaN or Inf becomes zero when it is converted to integers",
        needs="traces",
    ),
    Suspect(
        ("tensor-missing", "partial-load", "untrained", "dead-channels"),
        "a last layer of zeros or of tiny random weights gives a tiny output",
        needs="weights",
    ),
    Suspect(
        ("misaligned-target", "codebook-collapse", "loss-imbalance"),
        "a waveform loss on targets that cannot be predicted has its optimum at silence",
        needs="training",
    ),
    Suspect(
        ("activation-extra", "factor", "istft-normalisation"),
        "a clamp or a factor before the output takes the level away",
        needs="traces",
    ),
)
MAX_PEAK = 1e-4
"""Loudest deviation from the mean below which there is nothing to hear (-80 dBFS).

Measured on 270 clean clips of speech, music and instruments: none comes near. Margin: 50 dB.
"""
QUIET_PEAK = 1e-3
"""Loudest deviation below which 16 bits hold too little of a sound (-60 dBFS): 32 steps on each
side. Other rules speak of the steps then, not of the sound.

Defined by 16 bits: 2 / 65536 is a step.
"""
QUIET_LEVELS = 66
"""Levels that 16 bits have within that. Defined by 16 bits."""
MAX_LEVELS = 64
"""Different levels that a quiet recording may have before it is the detail of `integer-scale`.

Chosen, not measured.
"""


def _report_quiet(subject: SoundSubject, peak: float) -> Finding:
    levels = int(subject.analysis.level_count)
    return Finding(
        CODE,
        NAME,
        Severity.ERROR,
        (subject.recording.name,),
        f"too quiet: the peak is {20 * np.log10(peak):.0f} dBFS, and {levels} levels are all that "
        "is left of the sound",
        evidence={"peak": peak, "levels": levels},
        times=((0.0, round(subject.analysis.seconds, 4)),),
        rank=2,
    )


def check(subject: SoundSubject) -> Iterable[Finding]:
    analysis = subject.analysis
    highest = analysis.samples.max(axis=1, initial=-np.inf) - analysis.means
    lowest = analysis.means - analysis.samples.min(axis=1, initial=np.inf)
    deviation = max(0.0, float(highest.max()), float(lowest.max()))
    if MAX_PEAK <= deviation < QUIET_PEAK and analysis.level_count <= QUIET_LEVELS:
        yield _report_quiet(subject, deviation)
        return
    if deviation >= MAX_PEAK or (deviation > 0 and analysis.level_count > MAX_LEVELS):
        return
    if deviation > 0:
        level = f"{20 * np.log10(deviation):.0f} dBFS"
    else:
        level = "every sample is the same"
    constant = float(np.abs(analysis.means).max(initial=0.0))
    constant_note = f", on a constant of {constant:.3g}" if constant > MAX_PEAK else ""
    yield Finding(
        CODE,
        NAME,
        Severity.ERROR,
        (subject.recording.name,),
        f"there is nothing to hear in {analysis.seconds:.2f} s: {level}{constant_note}",
        evidence={"peak": deviation, "constant": constant},
        times=((0.0, round(analysis.seconds, 4)),),
        rank=2,
    )
