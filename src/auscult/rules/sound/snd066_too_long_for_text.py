"""The recording is longer than anybody needs for its text.

**What it finds.** Sound that goes on for longer than its text can take, and then ends in silence.

**What you hear.** The text, and something more: invented words, babble, drawn-out vowels, breath.

**Why it happens.** A model of speech that goes on after its text; durations in another unit; a prompt
that is spoken too; noise behind the last word.

**What makes this sound.** More frames are made than the text has.

**Example.** Wrong and right:

```python
samples = decode(prompt_codes + codes)          # wrong: the prompt is spoken as well
samples = decode(prompt_codes + codes)[start:]  # right: from where the prompt ends
```

**Blind spots.** Which words are said: that takes a recogniser. A slow reader within the bounds.
Texts below 6 syllables.

**How it is measured.** From the first to the last sound, against syllables counted in the text by its
letters: at most 11 and at least 1.8 a second, 0.7 s for each punctuation
mark and 1 s beside (`_text.py`). 35 sentences of 22 languages by espeak-ng and 65 recorded ones of
Russian and English had 2.9 to 8.2; a sentence of consonants 1.9.

**Fix.** None in the sound. Listen behind the place in the message.

**References.** coqui-ai/TTS 3522, mozilla/TTS 783.
"""

from __future__ import annotations

from collections.abc import Iterable

from auscult.finding import Finding, Severity
from auscult.rules.sound._text import MIN_SILENCE, find_second_saying, measure_spoken_length
from auscult.rules.sound.shared_suspects import OFF_TRAINING
from auscult.rules.sound.subject import SoundSubject
from auscult.rules.suspects import Suspect

CODE = "SND066"
NAME = "too-long-for-text"
REQUIRES = SoundSubject
EVIDENCE = "metadata"
EXTENT = "whole"
EXPLAINS = ()
SUSPECTS = (
    Suspect(
        ("upsample-mode", "mask-not-applied", "position-offset"),
        "durations in another unit, or padding that is rendered, make too many frames",
        needs="traces",
    ),
    OFF_TRAINING,
)


def check(subject: SoundSubject) -> Iterable[Finding]:
    length = measure_spoken_length(subject)
    if length is None or not length.is_too_long or length.silence_after < MIN_SILENCE:
        return
    if find_second_saying(subject, length) is not None:
        return
    likely_end = length.start + length.longest
    yield Finding(
        CODE,
        NAME,
        Severity.WARNING,
        (subject.recording.name,),
        f"sounds for {length.sounding:.1f} s, and {length.describe()}: something is said that is "
        "not in it",
        confidence=0.8,
        evidence=length.list_evidence(),
        times=((round(likely_end, 4), round(length.start + length.sounding, 4)),),
        rank=24,
    )
