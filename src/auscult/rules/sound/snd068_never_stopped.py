"""The recording goes on to its very end, long after its text: it was never told to stop.

**What it finds.** Sound that is longer than its text can take, and that still sounds at the end.

**What you hear.** The text, then babble, noise or one vowel, until it breaks off.

**Why it happens.** The token that ends the speech is not in the vocabulary, is masked, or is never
drawn at this temperature; only a limit of steps ends the loop.

**What makes this sound.** A model that makes one token after another and does not find its end.

**Example.** Wrong and right:

```python
for _ in range(MAX_STEPS): codes.append(step())   # wrong: nothing else ends it
if code == END: break                             # right
```

**Blind spots.** Babble that stops by itself is `too-long-for-text`. A file of which the end was cut
off may have gone on as well.

**How it is measured.** From the first to the last sound, against syllables counted in the text by its
letters: at most 11 and at least 1.8 a second, 0.7 s for each punctuation
mark and 1 s beside (`_text.py`). 35 sentences of 22 languages by espeak-ng and 65 recorded ones of
Russian and English had 2.9 to 8.2; a sentence of consonants 1.9. It counts as sounding to its end with less than 0.1 s of silence behind the last
sound.

**Fix.** None in the sound. Look for the end token.

**References.** mozilla/TTS 783, coqui-ai/TTS 3522.
"""

from __future__ import annotations

from collections.abc import Iterable

from auscult.finding import Finding, Severity
from auscult.rules.sound._text import MIN_SILENCE, find_second_saying, measure_spoken_length
from auscult.rules.sound.shared_suspects import OFF_TRAINING
from auscult.rules.sound.subject import SoundSubject
from auscult.rules.suspects import Suspect

CODE = "SND068"
NAME = "never-stopped"
REQUIRES = SoundSubject
EVIDENCE = "metadata"
EXTENT = "whole"
EXPLAINS = ("end-cut", "repeat")
SUSPECTS = (
    Suspect(
        ("rows-reordered", "tensor-missing"),
        "the row of the token that ends the speech is missing or another one",
        needs="code",
    ),
    OFF_TRAINING,
)


def check(subject: SoundSubject) -> Iterable[Finding]:
    length = measure_spoken_length(subject)
    if length is None or not length.is_too_long or length.silence_after >= MIN_SILENCE:
        return
    if find_second_saying(subject, length) is not None:
        return
    likely_end = length.start + length.longest
    yield Finding(
        CODE,
        NAME,
        Severity.ERROR,
        (subject.recording.name,),
        f"never stopped: it sounds for {length.sounding:.1f} s, to its very end, and "
        f"{length.describe()}",
        confidence=0.85,
        evidence=length.list_evidence(),
        times=((round(likely_end, 4), round(length.start + length.sounding, 4)),),
        rank=24,
    )
