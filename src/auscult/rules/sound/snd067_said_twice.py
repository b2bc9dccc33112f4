"""The text is said twice, one time after the other.

**What it finds.** A recording whose two halves are the same words, although its text has them once.

**What you hear.** The sentence, and then the sentence again, in another rendering.

**Why it happens.** The text was fed twice (a prompt that holds it already, a retry that is
appended); attention that goes back to the beginning; no token that ends it.

**What makes this sound.** A model of speech that starts again when it should stop.

**Example.** Wrong and right:

```python
audio = np.concatenate([audio, tts(text)])  # wrong, in a retry: the first attempt is kept
audio = tts(text)                           # right
```

**Blind spots.** A text of which only a part is said again; more than two sayings. Copies of the
waveform are found without a text, by `repeat`.

**How it is measured.** The recording has at least the time for two sayings (5.5 syllables a second over
all, at most), and one half of it, warped in time, has the spectra of the other: a
mean correlation of 0.78 along the best path, and 0.15 more than with that half backwards. Five sentences of five languages in
two renderings of other pace and pitch had 0.84 to 0.96; single sentences, pairs of sentences, and
26 recorded clips 0.71 at most.

**Fix.** Lossy: cut the second saying off at the time in the message.

**References.** ggml-org/llama.cpp 26700, coqui-ai/TTS 3522.
"""

from __future__ import annotations

from collections.abc import Iterable

from auscult.finding import Finding, Fix, Severity
from auscult.rules.sound._text import find_second_saying, measure_spoken_length
from auscult.rules.sound.shared_suspects import OFF_TRAINING
from auscult.rules.sound.subject import SoundSubject
from auscult.rules.suspects import Suspect

CODE = "SND067"
NAME = "said-twice"
REQUIRES = SoundSubject
EVIDENCE = "metadata"
EXTENT = "whole"
EXPLAINS = ("repeat", "too-long-for-text", "never-stopped")
SUSPECTS = (
    Suspect(
        ("position-offset", "attention-mask", "bos-missing"),
        "attention that returns to the beginning renders the text once more",
        needs="traces",
    ),
    OFF_TRAINING,
)


def check(subject: SoundSubject) -> Iterable[Finding]:
    length = measure_spoken_length(subject)
    saying = None if length is None else find_second_saying(subject, length)
    if length is None or saying is None:
        return
    place, likeness = saying
    end = length.start + length.sounding
    yield Finding(
        CODE,
        NAME,
        Severity.ERROR,
        (subject.recording.name,),
        f"the text is said twice: from {place:.2f} s on it comes again",
        confidence=0.9,
        evidence={"likeness": round(likeness, 3), **length.list_evidence()},
        times=((round(place, 4), round(end, 4)),),
        fix=Fix("lossy", f"Cut the sound off at {place:.2f} s."),
        rank=22,
    )
