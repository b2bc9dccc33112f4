"""Samples whose bytes are in the wrong order: loud noise that moves with the speech.

**What it finds.** 16-bit samples that become smooth when the two bytes of each are exchanged, and
32-bit floats that become reasonable when their four bytes are turned round.

**What you hear.** Full-scale noise with the rhythm of the speech.

**Why it happens.** Raw audio read as little-endian that was big-endian, or the reverse; an offset
of one byte.

**What makes this sound.** The two bytes of each sample are exchanged. What comes out is loud noise
with the rhythm of speech.

**Example.** Wrong and right:

```python
samples = np.frombuffer(data, "<i2")  # wrong: the file is AIFF, which is big-endian
samples = np.frombuffer(data, ">i2")  # right
```

**Blind spots.** After resampling, a gain or lossy coding the samples are no longer what was stored:
then it is `noise`.

**How it is measured.** Roughness: root mean square of the first difference over that of the
samples, of the loudest 16,384 samples. Reported where it is above `MIN_ROUGHNESS` as read and
exchanging makes it less than `MAX_RATIO` of that, and less than `MAX_SWAPPED` = 1.2, at `MIN_LEVEL` = 0.1 of full
scale and more. False alarms:
none on 270 clean clips of speech, music and instruments (180 set the thresholds, 90 were held out).

**Fix.** Safe: exchange the bytes.

**References.** The WAVE format is little-endian, AIFF big-endian, headerless PCM whatever its
writer was.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from auscult.finding import Finding, Fix, Severity
from auscult.rules.sound.subject import SoundSubject
from auscult.sound.pcm import is_float_swapped, try_byte_swap

CODE = "SND005"
NAME = "byte-order"
REQUIRES = SoundSubject
EVIDENCE = "nothing"
EXTENT = "mostly"
EXPLAINS = (
    *(
        "noise",
        "flat-mel",
        "clipping",
        "saturated",
        "wrap-around",
        "dc",
        "imaging",
        "interleave",
        "frame-seams",
        "buzz",
    ),
    *(
        "integer-scale",
        "non-finite-sound",
        "phase-metallic",
        "band-limited",
        "sample-rate-label",
        "dropouts",
    ),
)
WRITING = "read or write the samples in the byte order of the format (WAV: little-endian)"
MIN_ROUGHNESS = 0.5
"""Roughness as read above which the bytes are suspected.

Measured on 270 clean clips of speech, music and instruments: no false alarm of the rule. Margin:
not recorded.
"""
MAX_RATIO = 0.9
"""Of the roughness as read: what exchanging the bytes may leave.

Measured on 270 clean clips of speech, music and instruments: no false alarm of the rule. Margin:
not recorded.
"""
MAX_SWAPPED = 1.2
"""Roughness that exchanging the bytes may leave at most.

Measured on white noise: 1.41, whichever way its bytes are. Margin: 1.2.
"""
MIN_LEVEL = 0.1
"""Root mean square as read: the low bytes of a sound, taken for the high ones, are near full scale.

Measured on 330 real clips of 25 sources: the sharpest false one has 0.03. Margin: 3.
"""
MAX_FLOAT_PEAK = 1e6
"""No sound in floats is as large as that. Chosen, not measured."""


def check(subject: SoundSubject) -> Iterable[Finding]:
    analysis = subject.analysis
    channel = analysis.samples[
        int(np.einsum("ct,ct->c", analysis.samples, analysis.samples, dtype=np.float64).argmax())
    ]
    if not analysis.is_finite or analysis.peak > MAX_FLOAT_PEAK:
        if is_float_swapped(subject.recording.samples[0]):
            yield _make_finding(subject, 32, {"peak": analysis.peak})
        return
    swap = try_byte_swap(channel)
    if (
        swap is not None
        and swap.as_read > MIN_ROUGHNESS
        and analysis.rms >= MIN_LEVEL
        and swap.swapped < min(MAX_SWAPPED, MAX_RATIO * swap.as_read)
    ):
        yield _make_finding(
            subject,
            16,
            {"roughness": round(swap.as_read, 3), "roughness_swapped": round(swap.swapped, 3)},
        )


def _make_finding(subject: SoundSubject, bits: int, evidence: dict[str, float]) -> Finding:
    return Finding(
        CODE,
        NAME,
        Severity.ERROR,
        (subject.recording.name,),
        f"the bytes of the {bits}-bit samples are in the wrong order: the other way round they "
        "make a smooth sound",
        confidence=0.98,
        evidence={"bits": bits, **evidence},
        fix=Fix(
            "safe",
            "Exchange the bytes of every sample.",
            code=f'np.frombuffer(data, ">{"i2" if bits == 16 else "f4"}")',
        ),
        rank=3,
    )
