"""A piece of the sound comes again as an exact copy: a loop, or the same thing twice.

**What it finds.** Stretches of which the waveform comes again later.

**What you hear.** The sentence twice; the last word again and again; a stuck loop.

**Why it happens.** The text was fed twice; a chunk was written twice; a ring buffer that is read
faster than it is filled; a decoder that attends to one place for ever.

**What makes this sound.** The same frames are rendered more than once.

**Example.** Wrong and right:

```python
text = prompt + text   # wrong: the prompt holds the text already
text = text            # right
```

**Blind spots.** A model that says a word again renders it anew, and no two renderings are the same;
`--text` or a reference tells it by its length. Sequenced music repeats by design: there
it is information.

**How it is measured.** All frames against all later ones; where a run is alike, the waveforms of
0.2 s are compared: a correlation of first differences of 0.95 is alike, of
0.98 (`SURE_COPY`) a copy. Where the waveforms do not agree, spectra that
are alike for 0.7 s and more are told as well, as information. Told from `MIN_SECONDS` =
0.25 s on, at least `MIN_LAG` = 0.25 s later. A warning where the sound has the pulses of a voice
(kurtosis `MIN_SHARPNESS` = 3.6) and one channel.

**Fix.** Cut the copy out at the times in the message. Better: find what renders it twice.

**References.** ggml-org/llama.cpp 26700, coqui-ai/TTS 3522, mozilla/TTS 783.
"""

from __future__ import annotations

from collections.abc import Iterable

from auscult.finding import Finding, Severity
from auscult.rules.sound._voice import is_one_signal
from auscult.rules.sound.shared_suspects import OFF_TRAINING
from auscult.rules.sound.subject import SoundSubject
from auscult.rules.suspects import Suspect
from auscult.sound.copies import SoundCopy, find_copy

CODE = "SND029"
NAME = "repeat"
REQUIRES = SoundSubject
EVIDENCE = "nothing"
EXTENT = "anywhere"
EXPLAINS = ()
SUSPECTS = (
    Suspect(
        ("position-offset", "attention-mask", "bos-missing"),
        "attention that does not move on renders one place again and again",
        needs="traces",
    ),
    OFF_TRAINING,
)
WRITING = "write every chunk once"
MIN_SECONDS = 0.25
"""Shortest copy. Chosen, not measured."""
MIN_LAG = 0.25
"""Nearest copy in seconds: what is nearer is a note. Chosen, not measured."""
SURE_COPY = 0.98
"""Correlation of the waveforms from which on it is the same rendering.

Measured on one word that the bundled vocoder renders twice: 0.969. Margin: a third of what is left
to 1.
"""
MIN_SHARPNESS = 3.6
"""Kurtosis of the prediction's residual that a voice has.

Measured on clean music: none has as much. Margin: not recorded.
"""


def describe_copy(copy: SoundCopy) -> str:
    """In words."""
    if copy.times > 2:
        return (
            f"the sound repeats itself: {copy.lag:.2f} s from {copy.start:.2f} s on come "
            f"{copy.times} times in a row"
        )
    return (
        f"the sound repeats itself: {copy.length:.2f} s from {copy.start:.2f} s on come again at "
        f"{copy.start + copy.lag:.2f} s"
    )


def check(subject: SoundSubject) -> Iterable[Finding]:
    analysis = subject.analysis
    if not analysis.active_frames.any():
        return
    copy = find_copy(analysis, MIN_LAG)
    if copy is None or copy.length < MIN_SECONDS:
        return
    is_copy = copy.correlation >= SURE_COPY
    is_voice = (
        is_copy and analysis.speaking_measures.sharpness >= MIN_SHARPNESS and is_one_signal(subject)
    )
    again = copy.start + copy.lag
    yield Finding(
        CODE,
        NAME,
        Severity.WARNING
        if is_voice or (is_copy and subject.reference is not None)
        else Severity.INFO,
        (subject.recording.name,),
        describe_copy(copy),
        confidence=0.9,
        evidence={
            "start": round(copy.start, 3),
            "lag": round(copy.lag, 4),
            "seconds": round(copy.length, 3),
            "times": copy.times,
            "correlation": round(copy.correlation, 4),
        },
        times=((round(again, 4), round(again + copy.length, 4)),),
        rank=23,
    )
