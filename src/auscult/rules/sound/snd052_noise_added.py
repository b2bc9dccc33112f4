"""Noise was added that the reference does not have.

**What it finds.** A residual against the reference that goes on at one level, whether the sound is
loud or quiet.

**What you hear.** Hiss under the voice, which stays in the pauses.

**Why it happens.** A noise branch of a vocoder whose gain was never learned or loaded; a sampler
that stops before its last steps; dither of the wrong scale; quantisation to few bits.

**What makes this sound.** Something random is added to every sample, and it does not depend on the
sound.

**Example.** Wrong and right:

```python
samples = samples + noise * 0.01       # wrong: the noise of training is left in
samples = samples + noise / 2**15      # right: dither of one step of 16 bits
```

**Blind spots.** Noise that follows the sound's level is what a codec leaves, and is not told.

**How it is measured.** The reference is taken off at its level. What is left has to be less than
`MAX_SNR_DB` = 50 dB below the sound, its level over time must not follow the sound's (correlation
below `MAX_FOLLOWS` = 0.35) and has to stay within `MAX_UNSTEADY_DB` = 3.5 dB, and no line may stand
in it. On a voice and on music hiss followed the sound with -0.14 to 0.07 and stayed within 0.2 dB;
Opus, Vorbis, MP3 and mu-law followed with 0.47 to 0.99.

**Fix.** None in the sound.
"""

from __future__ import annotations

from collections.abc import Iterable

from auscult.finding import Finding, Severity
from auscult.rules.sound._related import find_residual
from auscult.rules.sound.shared_suspects import NOT_LOADED, OFF_TRAINING
from auscult.rules.sound.subject import SoundSubject
from auscult.rules.suspects import Suspect

CODE = "SND052"
NAME = "noise-added"
REQUIRES = SoundSubject
EVIDENCE = "reference"
EXTENT = "whole"
EXPLAINS = (
    *("noise", "flat-mel", "mel-definition", "pre-emphasis", "phase-metallic", "band-limited"),
    *("silence", "gain", "truncated-sound", "padded-sound", "lag", "unexplained"),
)
FOLLOWS = True
SUSPECTS = (
    Suspect(
        ("sampler-mismatch", "sigma-schedule", "time-embedding-scale"),
        "a sampler that stops too early leaves part of its noise",
        needs="traces",
    ),
    NOT_LOADED,
    OFF_TRAINING,
)
WRITING = "look for noise or dither that is added when the samples are written"
MAX_SNR_DB = 50.0
"""Level of the sound above the residual, from which on nobody hears it. Chosen, not measured."""
ERROR_SNR_DB = 35.0
"""The same, below which it is an error. Chosen, not measured."""
MAX_FOLLOWS = 0.35
"""Correlation of the residual's level with the sound's.

Measured on a voice and music: hiss -0.14 to 0.07, codecs 0.47 to 0.99. Margin: 0.12.
"""
MAX_UNSTEADY_DB = 3.5
"""Standard deviation of the residual's level over time.

Measured on a voice and music: hiss 0.2, quantisation to 8 bits 0.7. Margin: 2.8 dB.
"""
MAX_LINE_DB = 20.0
"""A line above this is a tone. Chosen, not measured."""


def check(subject: SoundSubject) -> Iterable[Finding]:
    residual = find_residual(subject)
    if residual is None or residual.snr_db > MAX_SNR_DB or residual.line[0] > MAX_LINE_DB:
        return
    if residual.follows > MAX_FOLLOWS or residual.steadiness_db > MAX_UNSTEADY_DB:
        return
    snr = residual.snr_db
    yield Finding(
        CODE,
        NAME,
        Severity.ERROR if snr < ERROR_SNR_DB else Severity.WARNING,
        (subject.recording.name,),
        f"noise {snr:.0f} dB below the sound was added to the reference: hiss at one level, "
        "whether the sound is loud or quiet",
        confidence=0.9,
        evidence={
            "snr_db": round(snr, 2),
            "follows": round(residual.follows, 3),
            "unsteady_db": round(residual.steadiness_db, 2),
        },
        rank=17,
    )
