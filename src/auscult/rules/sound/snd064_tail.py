"""Something goes on behind the last word: silence, hum, noise or a murmur.

**What it finds.** A voice that is over, and a second or more of recording behind it.

**What you hear.** After the sentence: nothing for a long while, a hum, a hiss, or mumbling.

**Why it happens.** A stop token that was missed; a buffer longer than what was said; an output that is
not cut to the length of its input; a vocoder that is fed padding and makes a sound of it.

**What makes this sound.** The frames behind the last word are rendered too: what the model makes of
padding is heard.

**Example.** Wrong and right:

```python
samples = vocoder(padded_mel)                        # wrong: padding is rendered too
samples = vocoder(padded_mel)[: frames * hop]        # right: cut to what was asked for
```

**Blind spots.** A tail as loud as the pauses before it is told as information: the room may sound
like that. Rooms that ring are left out: their tail falls steadily. Music and effects are not looked at.

**How it is measured.** Levels of 20 ms. Behind the last one within `MAX_BELOW_DB` = 20 dB of the loud
parts and `DECAY_SECONDS` = 0.16 s: `MIN_SECONDS` = 1 s or more. A warning where its median lies
`MIN_ABOVE_DB` = 10 dB above the 5th percentile of what comes before; information where it is silent
(`SILENT_DB` = 45 dB below the loud parts, or as quiet as the pauses). Of 687 real clips of 48 sources,
4 voices have a tail of half a second, and none one that lies above its pauses.

**Fix.** Lossy: cut the tail off.

**References.** coqui-ai/TTS 3522, mozilla/TTS 783.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from auscult.finding import Finding, Fix, Severity
from auscult.rules.sound._voice import is_voice
from auscult.rules.sound.subject import SoundSubject
from auscult.rules.suspects import Suspect
from auscult.sound.analysis import SoundAnalysis
from auscult.sound.recording import Recording

CODE = "SND064"
NAME = "tail"
REQUIRES = SoundSubject
EVIDENCE = "nothing"
EXTENT = "whole"
EXPLAINS = ("sample-rate-label", "repeat", "tone", "aliasing", "padded-sound")
SUSPECTS = (
    Suspect(
        ("mask-not-applied", "attention-mask"), "padding is rendered as content", needs="traces"
    ),
    Suspect(("bos-missing", "position-offset"), "the decoder misses its end", needs="traces"),
)
WRITING = "cut the output to the length that the input's frames give"
BLOCK_SECONDS = 0.02
"""Length of a block. Chosen, not measured."""
MAX_BELOW_DB = 20.0
"""Below the loud parts: the last block above it is the last of the voice. Chosen, not measured."""
DECAY_SECONDS = 0.16
"""Behind the voice, in which it dies away. Chosen, not measured."""
MIN_SECONDS = 1.0
"""Length of a tail. Chosen, not measured."""
MIN_VOICE_SECONDS = 0.5
"""Of voice before it. Chosen, not measured."""
MIN_ABOVE_DB = 10.0
"""Above the pauses, from which on it is no longer the room.

Measured on 687 real clips of 48 sources, some of the reported half among them: 0 dB in the one
whose pauses are known. Margin: 10 dB.
"""
SILENT_DB = 45.0
"""Below the loud parts: what is quieter is silence or next to it. Chosen, not measured."""
MIN_DECAY_DB = 12.0
"""By how much the second half of a tail lies below its first half where a room rings. Chosen, not
measured."""
MIN_STEADY_DB = -0.7
"""Level of each frequency against its mean power, weighted by energy: hum or a tone have more. Chosen,
not measured."""
NOISE_DB = (-3.4, -1.8)
"""Level of each frequency against its mean power, that noise has: -2.51. Chosen, not measured."""


@dataclass(frozen=True)
class Tail:
    """What lies behind the last word: where it begins, its level below the loud parts and above the
    pauses, and by how much it falls, in seconds and dB.
    """

    start: float
    below_db: float
    above_db: float
    falls_db: float


def find_tail(voice: NDArray[np.float32], rate: int) -> Tail | None:
    """The tail of [time] samples, or None."""
    size = max(int(BLOCK_SECONDS * rate), 8)
    blocks = voice[: len(voice) // size * size].reshape(-1, size)
    levels = 10 * np.log10(blocks.var(axis=1, dtype=np.float64) + 1e-12)
    if len(levels) * BLOCK_SECONDS < MIN_SECONDS + MIN_VOICE_SECONDS:
        return None
    loud = float(np.percentile(levels, 95))
    last = int(np.flatnonzero(levels > loud - MAX_BELOW_DB)[-1]) + 1
    first = last + round(DECAY_SECONDS / BLOCK_SECONDS)
    tail = levels[first:]
    if len(tail) * BLOCK_SECONDS < MIN_SECONDS or last * BLOCK_SECONDS < MIN_VOICE_SECONDS:
        return None
    halves = [float(np.median(half)) for half in np.array_split(tail, 2)]
    middle = float(np.median(tail))
    pauses = float(np.percentile(levels[:last], 5))
    return Tail(first * size / rate, loud - middle, middle - pauses, halves[0] - halves[1])


def describe_tail(samples: NDArray[np.float32], rate: int) -> str:
    """What a tail sounds like."""
    half = samples[len(samples) // 2 :]  # what came before has died away there
    stillness = SoundAnalysis(Recording(half[None], rate, "tail")).stillness
    if stillness.weighted_db >= MIN_STEADY_DB:
        return "a hum or a tone"
    if NOISE_DB[0] <= stillness.level_db <= NOISE_DB[1]:
        return "noise"
    return "a murmur"


def check(subject: SoundSubject) -> Iterable[Finding]:
    analysis = subject.analysis
    if subject.reference is not None or not analysis.rms:
        return
    voice, rate = analysis.voice, analysis.sample_rate
    tail = find_tail(voice, rate)
    if tail is None or tail.falls_db >= MIN_DECAY_DB:
        return
    spoken = analysis.samples[:, : int(tail.start * rate)]
    if not is_voice(SoundSubject(Recording(spoken, rate, subject.recording.name))):
        return
    seconds = analysis.seconds - tail.start
    severity = Severity.INFO
    if tail.below_db >= SILENT_DB:
        sound = "next to silence"
    elif tail.above_db < MIN_ABOVE_DB:
        sound = "as quiet as its pauses"
    else:
        sound = describe_tail(voice[int(tail.start * rate) :], rate)
        severity = Severity.WARNING
    yield Finding(
        CODE,
        NAME,
        severity,
        (subject.recording.name,),
        f"{seconds:.1f} s go on behind the last word: {sound}, {tail.below_db:.0f} dB below the voice",
        confidence=0.8,
        evidence={
            "seconds": round(seconds, 2),
            "below_db": round(tail.below_db, 1),
            "above_pauses_db": round(tail.above_db, 1),
        },
        fix=Fix("lossy", "Cut the tail off."),
        times=((round(tail.start, 4), round(analysis.seconds, 4)),),
        rank=36,
    )
