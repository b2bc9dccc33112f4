"""The recording ends in full voice: the last word was cut off.

**What it finds.** A voice whose last samples are as loud as its loud parts, in the middle of a vowel.

**What you hear.** The last word breaks off, often with a click.

**Why it happens.** A limit of tokens or frames that is too low; a stop token that comes early; the
last chunk that is not written; a file whose writer was ended.

**What makes this sound.** Rendering stopped before the sound was over.

**Example.** Wrong and right:

```python
tokens = model.generate(text, max_new_tokens=256)   # wrong: where the text asks for 300
tokens = model.generate(text, max_new_tokens=2048)  # right: far more than any text asks for
```

**Blind spots.** A word that ends softly where it was cut; a cut in a pause; music, which may end
anywhere: it is not looked at.

**How it is measured.** The last 60 ms, the last 20 ms and the last 6 ms have to lie within `MAX_DROP_DB` = 12 dB of
the loud parts (the 90th percentile of 20 ms), and the last 50 ms have to repeat with a
period of 2.5 to 12.5 ms to `MIN_PERIODIC` = 0.65: a voiced sound, which takes 50 ms or more to die
away. Only what has the pulses and the rhythm of speech, and `MIN_SECONDS` = 1 s of it, is looked at.

**Fix.** None in the sound: make it longer.

**References.** Wellsaid's rules for voice-overs; coqui-ai/TTS 3522.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from auscult.finding import Finding, Severity
from auscult.rules.sound._voice import is_voice
from auscult.rules.sound.subject import SoundSubject
from auscult.rules.suspects import Suspect

CODE = "SND063"
NAME = "end-cut"
REQUIRES = SoundSubject
EVIDENCE = "nothing"
EXTENT = "whole"
EXPLAINS = ()
SUSPECTS = (
    Suspect(
        ("bos-missing", "position-offset", "attention-mask"),
        "the decoder stops early, or the tail of the last chunk is masked",
        needs="traces",
    ),
)
WRITING = "flush the last chunk before the file is closed, and raise the limit of frames or tokens"
MIN_SECONDS = 1.0
"""Shorter recordings are single words or syllables, which may be cut close. Chosen, not measured."""
BLOCK_SECONDS = 0.02
"""Length of a block. Chosen, not measured."""
EDGE_SECONDS = 0.006
"""The very end. Chosen, not measured."""
VOICED_SECONDS = 0.05
"""Of the end, in which a period is looked for. Chosen, not measured."""
PERIODS_SECONDS = (0.0025, 0.0125)
"""Periods of a voice: 80 to 400 Hz."""
MAX_DROP_DB = 12.0
"""Level of the end below the loud parts.

Measured on 687 real clips of 48 sources, some of the reported half among them: no voice ends so,
but for a click or a fall within the last 60 ms. Margin: not recorded.
"""
MIN_PERIODIC = 0.65
"""Autocorrelation of the end at its best period.

Measured on 687 real clips of 48 sources, some of the reported half among them: music that passes
for a voice 0.6. Margin: 0.05.
"""


def measure_end_db(voice: NDArray[np.float32], rate: int) -> float:
    """Level of the quietest of the last three blocks and the last 6 ms, against the loud parts, in
    dB.
    """
    size = max(int(BLOCK_SECONDS * rate), 8)
    blocks = voice[len(voice) % size :].reshape(-1, size)
    levels = np.square(blocks, dtype=np.float64).mean(axis=1)
    last = voice[-max(int(EDGE_SECONDS * rate), 8) :]
    end = min(float(levels[-3:].min()), float(np.square(last, dtype=np.float64).mean()))
    return 10 * float(np.log10((end + 1e-20) / (float(np.percentile(levels, 90)) + 1e-20)))


def measure_period(voice: NDArray[np.float32], rate: int) -> float:
    """Autocorrelation of the end at its best period, against that at none."""
    end = voice[-int(VOICED_SECONDS * rate) :].astype(np.float64)
    end = end - end.mean()
    correlation = np.correlate(end, end, "full")[len(end) - 1 :]
    first, last = (int(seconds * rate) for seconds in PERIODS_SECONDS)
    return float(correlation[first:last].max(initial=0.0) / max(correlation[0], 1e-20))


def check(subject: SoundSubject) -> Iterable[Finding]:
    analysis = subject.analysis
    if subject.reference is not None or analysis.seconds < MIN_SECONDS or not is_voice(subject):
        return
    end_db = measure_end_db(analysis.voice, analysis.sample_rate)
    if end_db < -MAX_DROP_DB:
        return
    periodic = measure_period(analysis.voice, analysis.sample_rate)
    if periodic < MIN_PERIODIC:
        return
    yield Finding(
        CODE,
        NAME,
        Severity.WARNING,
        (subject.recording.name,),
        f"it ends in full voice, {-end_db:.0f} dB below the loud parts: the last word is cut off",
        confidence=0.8,
        evidence={"end_db": round(end_db, 1), "periodic": round(periodic, 2)},
        times=((round(analysis.seconds - VOICED_SECONDS, 4), round(analysis.seconds, 4)),),
        rank=24,
    )
