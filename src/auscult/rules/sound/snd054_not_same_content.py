"""The recording and its reference are not the same content, or nothing shows that they are.

**What it finds.** Two recordings of which neither the waveforms nor the spectrograms agree at any
lag or speed.

**What you hear.** Something else than the reference: other words, another voice, noise.

**Why it happens.** The wrong file was given; a model that ignores its input; an output that is
broken beyond likeness.

**What makes this sound.** The file that was given, most often; a model that ignores its input, or weights
that were never loaded, can sound like this too.

**Example.** Wrong and right:

```python
listen("out.wav", reference="other_sentence.wav")  # wrong: nothing can be told from it
listen("out.wav", reference="same_sentence.wav")   # right
```

**Blind spots.** The same words by the same voice at another pace agree in part.

**How it is measured.** Neither do the waveforms agree at one lag, nor do the spectrograms correlate
to `MIN_CORRELATION` = 0.5. The rules that need no alignment are run all the same. The verdict is
INCONCLUSIVE unless one of them finds an error.

**Fix.** Give the recording that this one should sound like.
"""

from __future__ import annotations

from collections.abc import Iterable

from auscult.finding import Finding, Severity
from auscult.rules.sound._related import MIN_CORRELATION, find_relation, has_sound
from auscult.rules.sound.subject import SoundSubject

CODE = "SND054"
NAME = "not-same-content"
REQUIRES = SoundSubject
EVIDENCE = "reference"
EXTENT = "whole"
EXPLAINS = ()
FOLLOWS = True
UNDECIDED = True


def check(subject: SoundSubject) -> Iterable[Finding]:
    if subject.reference is None or not has_sound(subject):
        return
    if find_relation(subject) is not None or subject.steps.steps:
        return
    correlation = subject.relation.rate_correlation
    yield Finding(
        CODE,
        NAME,
        Severity.WARNING,
        (subject.recording.name,),
        "not the same content as the reference, or too far from it to be laid upon it (correlation "
        f"of the spectrograms {correlation:.2f}): only the rules that need no alignment were run",
        confidence=0.7,
        evidence={"correlation": round(correlation, 4), "least_correlation": MIN_CORRELATION},
        rank=70,
    )
