"""The recording gets quieter or louder from beginning to end, and the reference does not.

**What it finds.** A level against the reference that moves along a line.

**What you hear.** A voice that fades away, or that comes nearer.

**Why it happens.** Errors that add up in an autoregressive model; a gain that is multiplied once
per chunk; a fade-out over the whole length instead of the last milliseconds.

**What makes this sound.** Every frame is a little quieter than the one before it.

**Example.** Wrong and right:

```python
samples *= np.linspace(1, 0, len(samples))       # wrong: the fade is as long as the sound
samples[-480:] *= np.linspace(1, 0, 480)         # right: 20 ms at 24 kHz
```

**Blind spots.** Without a reference nobody can say whether the fade was meant.

**How it is measured.** The level in blocks of 0.1 s as for `level-jump`; a line through it leaves
at most 0.35 of its spread and falls or rises by `MIN_FADE_DB` = 4 dB.

**Fix.** Divide by the fade; the evidence has its size.

**References.** mozilla/TTS 614.
"""

from __future__ import annotations

from collections.abc import Iterable

from auscult.finding import Finding, Severity
from auscult.rules.sound._related import find_residual
from auscult.rules.sound.shared_suspects import OFF_TRAINING
from auscult.rules.sound.snd057_level_jump import LINE_SHARE, find_level_changes, fit_fade
from auscult.rules.sound.subject import SoundSubject

CODE = "SND058"
NAME = "fade"
REQUIRES = SoundSubject
EVIDENCE = "reference"
EXTENT = "whole"
EXPLAINS = ("gain", "unexplained", "level-jump", "lag")
SUSPECTS = (OFF_TRAINING,)
WRITING = "apply a fade to the last milliseconds only"
MIN_FADE_DB = 4.0
"""Change of level from beginning to end. Chosen, not measured."""


def check(subject: SoundSubject) -> Iterable[Finding]:
    residual = find_residual(subject)
    track = None if residual is None else find_level_changes(residual)
    if track is None:
        return
    change, left = fit_fade(track)
    if left > LINE_SHARE or abs(change) < MIN_FADE_DB:
        return
    yield Finding(
        CODE,
        NAME,
        Severity.ERROR,
        (subject.recording.name,),
        f"fades against the reference: {abs(change):.1f} dB "
        f"{'quieter' if change < 0 else 'louder'} at the end than at the beginning",
        confidence=0.9,
        evidence={"change_db": round(change, 2), "left": round(left, 3)},
        rank=30,
    )
