"""One channel of several is silent, or next to it.

**What it finds.** A recording in which one channel holds no sound while another one does; with a
reference, a channel that is much quieter than the others are against it.

**What you hear.** Sound on one ear only.

**Why it happens.** Code writes two channels and fills one; a stereo decoder's weights for one
channel were never loaded; a codec whose second channel is only the difference.

**What makes this sound.** One channel of the output is never written, or computed with weights that
are zero.

**Example.** Wrong and right:

```python
samples[0] = voice   # wrong: `samples` has two channels, the second stays zero
samples[:] = voice   # right: both
```

**Blind spots.** A channel that is meant to be silent, as in a recording of one microphone on a
device with two: a warning.

**How it is measured.** The root mean square of each channel without its mean. Without a reference:
below `MAX_SHARE` = 1e-4 of the loudest, or below `MAX_COPY_SHARE` = 0.05 and a copy of it
(correlation `MIN_COPY` = 0.98). With one: `MIN_LOSS_DB` = 12 dB quieter against its counterpart than
the best channel is.

**Fix.** Write the sound to every channel.

**References.** descriptinc/descript-audio-codec 25.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from auscult.finding import Finding, Severity
from auscult.rules.sound._related import find_relation
from auscult.rules.sound.subject import SoundSubject
from auscult.rules.suspects import Suspect
from auscult.sound.channels import correlate_channels

CODE = "SND032"
NAME = "channel-lost"
REQUIRES = SoundSubject
EVIDENCE = "nothing"
EXTENT = "always"
EXPLAINS = ("gain", "unexplained", "noise-added", "polarity", "channel-swap")
SUSPECTS = (
    Suspect(
        ("tensor-missing", "dead-channels", "partial-load"),
        "the last layer has no trained weights for this channel",
        needs="weights",
    ),
)
WRITING = "write the sound to every channel"
MAX_SHARE = 1e-4
"""Level of a channel against the loudest one, below which it is silent. Chosen, not measured."""
MAX_COPY_SHARE = 0.05
"""The same, below which a copy of the loudest channel is too quiet. Chosen, not measured."""
MIN_COPY = 0.98
"""Correlation of two channels, above which one is a copy. Chosen, not measured."""
MIN_LOSS_DB = 12.0
"""How much more a channel lost against the reference than the best one. Chosen, not measured."""
SILENT_DB = -90.0
"""Level against the reference, below which a channel is silent. Chosen, not measured."""
MIN_REFERENCE_SHARE = 0.05
"""Level of a channel of the reference against its loudest, for it to be missed.

Chosen, not measured.
"""


def measure_levels(samples: NDArray[np.float32]) -> NDArray[np.float64]:
    """Root mean square of each channel without its mean, [channels]."""
    return np.asarray(samples.std(axis=1, dtype=np.float64))


def check(subject: SoundSubject) -> Iterable[Finding]:
    samples = subject.analysis.samples
    if samples.shape[0] < 2 or not samples.shape[1]:
        return
    levels = measure_levels(samples)
    loudest = int(levels.argmax())
    if levels[loudest] <= 0:
        return
    message = _find_loss_against_reference(subject) or _find_silent_channel(
        samples, levels, loudest
    )
    if message:
        decibels = 20 * np.log10(levels / levels[loudest] + 1e-10)
        yield Finding(
            CODE,
            NAME,
            Severity.WARNING if subject.reference is None else Severity.ERROR,
            (subject.recording.name,),
            message,
            confidence=0.9,
            evidence={"levels_db": [round(float(each), 1) for each in decibels]},
            rank=13,
        )


def _find_silent_channel(
    samples: NDArray[np.float32], levels: NDArray[np.float64], loudest: int
) -> str | None:
    for channel, level in enumerate(levels):
        share = level / levels[loudest]
        if share < MAX_SHARE:
            return f"channel {channel + 1} of {len(levels)} is silent"
        is_quiet = share < MAX_COPY_SHARE
        if is_quiet and correlate_channels(samples[channel], samples[loudest]) > MIN_COPY:
            return (
                f"channel {channel + 1} of {len(levels)} is channel {loudest + 1} at "
                f"{20 * np.log10(share):.0f} dB: next to silent"
            )
    return None


def _find_loss_against_reference(subject: SoundSubject) -> str | None:
    relation = find_relation(subject)
    if relation is None:
        return None
    pair = relation.aligned_recording.samples, relation.aligned_reference.samples
    if pair[0].shape[0] != pair[1].shape[0]:
        return None
    levels, expected = (measure_levels(side) for side in pair)
    used = np.flatnonzero(expected > MIN_REFERENCE_SHARE * expected.max())
    if len(used) < 2:
        return None
    gains = 20 * np.log10(levels[used] / expected[used] + 1e-10)
    worst = int(gains.argmin())
    loss = float(gains.max() - gains[worst])
    if loss < MIN_LOSS_DB:
        return None
    name = f"channel {used[worst] + 1} of {len(levels)}"
    if gains[worst] < SILENT_DB:
        return f"{name} is silent, and that of the reference is not"
    return f"{name} is {loss:.0f} dB quieter against the reference than the others are"
