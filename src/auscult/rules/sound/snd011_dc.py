"""A constant under the sound.

**What it finds.** A mean that is not small against the sound.

**What you hear.** Nothing by itself; clicks where the recording starts and stops, less headroom.
Measures that square the samples are fooled: an RMS ratio of 1.33 can be a tenth of the sound on a
constant.

**Why it happens.** A bias of the last layer that training did not remove, an amplitude that
collapsed to its mean, unsigned samples read as signed.

**What makes this sound.** A constant is added to every sample. It is not heard, but it fools every
figure that compares levels.

**Example.** Wrong and right:

```python
samples = np.frombuffer(data, np.uint8) / 128        # wrong: silence is 128, which gives 1.0
samples = np.frombuffer(data, np.uint8) / 128 - 1.0  # right
```

**Blind spots.** A constant that fades away, or that only a part of the recording has, is left to
`dc-step`: a lopsided wave, as a trumpet or a squeezed voice makes it, has a mean too.

**How it is measured.** The mean of each channel over the root mean square of the rest. Reported
above `MIN_SHARE` = 0.1 where the means of nine in ten blocks of 50 ms lie on the same side and the
quietest quarter of the blocks has at least half of it; an error
above `ERROR_SHARE` = 0.5 where the step at the start and the end is heard (`ERROR_CONSTANT` = 0.1, or louder than
the sound). False alarms: none on 270 clean clips
of speech, music and instruments (180 set the thresholds, 90 were held out).

**Fix.** Safe: subtract the mean. Better: find the layer that adds it.

**References.** A codec whose output had mean -0.308 and deviation 0.114, reported as an "RMS ratio
of 1.33".
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from auscult.finding import Finding, Fix, Severity
from auscult.rules.sound.subject import SoundSubject
from auscult.rules.suspects import Suspect

CODE = "SND011"
NAME = "dc"
REQUIRES = SoundSubject
EVIDENCE = "nothing"
EXTENT = "mostly"
EXPLAINS = ()
FOLLOWS = True
SUSPECTS = (
    Suspect(
        ("bias-missing", "tensor-missing", "partial-load", "norm-missing"),
        "a bias of the last layers is missing or random",
        needs="weights",
    ),
    Suspect(
        ("codebook-collapse", "amplitude-conflict"),
        "a collapsed codec learns the mean of its targets and its own bias",
        needs="training",
    ),
)
WRITING = "take the mean off; keep mean, AC level and correlation apart when comparing"
MIN_SHARE = 0.1
"""Mean over the root mean square of the rest.

Measured on 270 clean clips of speech, music and instruments: no false alarm of the rule. Margin:
not recorded.
"""
ERROR_SHARE = 0.5
"""The same, above which it is an error. Chosen, not measured."""
LOUD_SHARE = 1.0
"""From here on the step at the start and the end is louder than the sound. Chosen, not measured."""
ERROR_CONSTANT = 0.1
"""A constant of which the step at the start and the end is loud, 20 dB below full scale.

Chosen, not measured.
"""
BLOCK_SECONDS = 0.05
"""Length of a block. Chosen, not measured."""
OUTER_PERCENT = 10
"""Percent of the blocks on each side that may lie elsewhere.

Measured on 330 real clips of 25 sources: where the constant is a true one, the rest lie on one side.
Margin: not recorded.
"""
QUIET_PARTS = 4
"""One of so many blocks, the quietest ones, has the constant as well: the mean of a lopsided wave goes
with its loudness. Chosen, not measured."""
MIN_CONSTANT = 1e-4
"""A smaller mean is none. Chosen, not measured."""


def is_constant(channel: NDArray[np.float32], mean: float, rate: int) -> bool:
    """Whether [time] samples lie about the same constant all the time: on one side of zero, and half
    of the blocks no nearer to it than half of the mean, the quietest quarter neither. Digital silence
    does not count.
    """
    size = min(max(int(BLOCK_SECONDS * rate), 8), len(channel))
    blocks = channel[: len(channel) // size * size].reshape(-1, size)
    blocks = blocks[blocks.any(axis=1)]
    if not len(blocks):
        return False
    means = np.sign(mean) * blocks.mean(axis=1, dtype=np.float64)
    least, middle = np.percentile(means, (OUTER_PERCENT, 50))
    quiet = means[blocks.std(axis=1).argsort()[: max(len(blocks) // QUIET_PARTS, 1)]].mean()
    return bool(least > 0 and min(middle, quiet) > abs(mean) / 2)


def check(subject: SoundSubject) -> Iterable[Finding]:
    analysis = subject.analysis
    channel_number = int(np.abs(analysis.means).argmax())
    channel_mean = float(analysis.means[channel_number])
    ac_rms = float(
        (analysis.samples[channel_number] - np.float32(channel_mean)).std(dtype=np.float64)
    )
    if abs(channel_mean) < MIN_CONSTANT or abs(channel_mean) < MIN_SHARE * ac_rms:
        return
    if not is_constant(analysis.samples[channel_number], channel_mean, analysis.sample_rate):
        return
    share = abs(channel_mean) / max(ac_rms, 1e-9)
    is_error = share > LOUD_SHARE or (share > ERROR_SHARE and abs(channel_mean) >= ERROR_CONSTANT)
    yield Finding(
        CODE,
        NAME,
        Severity.ERROR if is_error else Severity.WARNING,
        (subject.recording.name,),
        f"a constant of {channel_mean:+.3g} under a sound of {ac_rms:.3g} rms ({share:.0%} of it)",
        confidence=min(0.99, 0.7 + share / 2),
        evidence={
            "mean": channel_mean,
            "ac_rms": ac_rms,
            "share": round(share, 4),
            "channel": channel_number,
        },
        fix=Fix(
            "safe",
            "Subtract the mean of each channel.",
            code="samples - samples.mean(axis=-1, keepdims=True)",
        ),
        rank=31,
    )
