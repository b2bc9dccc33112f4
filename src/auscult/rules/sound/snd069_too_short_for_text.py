"""The recording is too short for its text: it was cut off, or words are left out.

**What it finds.** Less sound than anybody needs for the text.

**What you hear.** The beginning of the text, or a text with holes.

**Why it happens.** A limit of tokens or seconds; a decoder that ends early; a text that was cut for
the model's window; the last chunk of a stream that is not written.

**What makes this sound.** Fewer frames are made than the text has.

**Example.** Wrong and right:

```python
codes = generate(tokens, max_new_tokens=256)               # wrong for a long text
codes = generate(tokens, max_new_tokens=20 * len(tokens))  # right: a limit that grows with it
```

**Blind spots.** A text of which a third is missing and the rest is slow. The same sound at a wrong
sample rate is short as well: where pitch and spectrum are high too, it is `sample-rate-label`.

**How it is measured.** From the first to the last sound, against syllables counted in the text by its
letters: at most 11 and at least 1.8 a second, 0.7 s for each punctuation
mark and 1 s beside (`_text.py`). 35 sentences of 22 languages by espeak-ng and 65 recorded ones of
Russian and English had 2.9 to 8.2; a sentence of consonants 1.9.

**Fix.** None in the sound.

**References.** openai/whisper-style limits of 30 s; suno-ai/bark issue 20 (14 s at most).
"""

from __future__ import annotations

from collections.abc import Iterable

from auscult.finding import Finding, Severity
from auscult.rules.sound._text import measure_spoken_length
from auscult.rules.sound.shared_suspects import OFF_TRAINING
from auscult.rules.sound.subject import SoundSubject
from auscult.rules.suspects import Suspect

CODE = "SND069"
NAME = "too-short-for-text"
REQUIRES = SoundSubject
EVIDENCE = "metadata"
EXTENT = "whole"
EXPLAINS = ("end-cut",)
SUSPECTS = (
    Suspect(
        ("upsample-mode", "attention-mask", "position-offset"),
        "frames that are masked or left out are not rendered",
        needs="traces",
    ),
    OFF_TRAINING,
)
ERROR_SHARE = 0.6
"""Of the shortest time: what is shorter lacks words for sure. Chosen, not measured."""


def check(subject: SoundSubject) -> Iterable[Finding]:
    length = measure_spoken_length(subject)
    if length is None or not length.is_too_short:
        return
    is_sure = length.sounding < ERROR_SHARE * length.shortest
    yield Finding(
        CODE,
        NAME,
        Severity.ERROR if is_sure else Severity.WARNING,
        (subject.recording.name,),
        f"sounds for {length.sounding:.1f} s only, and {length.describe()}: it was cut off, or words "
        "are left out",
        confidence=0.85,
        evidence=length.list_evidence(),
        rank=24,
    )
