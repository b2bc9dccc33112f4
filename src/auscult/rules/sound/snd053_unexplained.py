"""The recording differs from its reference in a way that no rule names.

**What it finds.** A residual against the reference that is not small, where no other rule that
changes the waveform has anything to say.

**What you hear.** Look where the message says that it is loudest.

**Why it happens.** Something that these rules do not know, several things at once, or a lossy step
of low quality.

**What makes this sound.** Any wrong computation can leave such a difference, and so can a lossy step; the
sound alone does not tell which.

**Example.** Wrong and right:

```python
assert not findings           # wrong: nothing was named, so all is well
assert snr(output, reference) > 40  # right: what is left is small
```

**Blind spots.** Where the waveforms do not agree, as after a vocoder, there is no residual.

**How it is measured.** Lag, drift and level are taken off. What is left is told where it is less
than `MIN_CODEC_SNR_DB` = 4 dB below the sound, or, above that and up to `MIN_SNR_DB` = 40 dB, where
it does not follow the sound's level (correlation below `MIN_FOLLOWS` = 0.25), as what a codec or a
filter leaves does; and where for 0.2 s and more nothing of the two agrees, although both sound. The verdict is then INCONCLUSIVE.

**Fix.** None in the sound. Listen to the difference at the time in the message.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from auscult.finding import Finding, Severity
from auscult.rules.sound._related import find_residual
from auscult.rules.sound.subject import SoundSubject
from auscult.sound.residual import SHORT_SECONDS, Residual

CODE = "SND053"
NAME = "unexplained"
REQUIRES = SoundSubject
EVIDENCE = "reference"
EXTENT = "whole"
EXPLAINS = ()
FOLLOWS = True
UNDECIDED = True
MIN_CODEC_SNR_DB = 4.0
"""Level of the sound above the residual that a codec of usable quality keeps.

Measured on Opus, Vorbis and MP3 of a voice and music: 15 dB at least, of a noisy synthetic voice 7 dB.
Margin: 3 dB.
"""
MIN_SNR_DB = 40.0
"""The same, above which any residual is small. Chosen, not measured."""
MIN_FOLLOWS = 0.25
"""Correlation of the residual's level with the sound's.

Measured on Opus, Vorbis, MP3, mu-law and low-passes of a voice and music: 0.47 at least. Margin:
0.22.
"""


def find_loudest(residual: Residual) -> tuple[float, float]:
    """Where the residual is loudest in seconds, and its level there in dBFS."""
    levels = residual.short_levels
    if not len(levels):
        return 0.0, -200.0
    top = int(levels.argmax())
    return top * SHORT_SECONDS, 20 * float(np.log10(levels[top] + 1e-10))


def check(subject: SoundSubject) -> Iterable[Finding]:
    residual = find_residual(subject)
    if residual is None or max(residual.snr_db, residual.resampled_snr_db) > MIN_SNR_DB:
        return
    spans = residual.strange_spans
    is_like_codec = residual.snr_db >= MIN_CODEC_SNR_DB and residual.follows >= MIN_FOLLOWS
    if is_like_codec and not spans:
        return
    place, level = find_loudest(residual)
    yield Finding(
        CODE,
        NAME,
        Severity.WARNING,
        (subject.recording.name,),
        f"differs from the reference in a way that no rule names: what is left is "
        f"{residual.snr_db:.0f} dB below the sound, loudest at {place:.2f} s ({level:.0f} dBFS)",
        confidence=0.5,
        evidence={"snr_db": round(residual.snr_db, 2), "follows": round(residual.follows, 3)},
        times=spans or ((round(place, 4), round(place + SHORT_SECONDS, 4)),),
        rank=80,
    )
