"""Hiss under the sound: a floor of noise that never stops.

**What it finds.** Noise of all frequencies at one level under the whole recording, not far below
the sound.

**What you hear.** Hiss, plainest in the pauses.

**Why it happens.** A noise branch of a vocoder with the wrong gain; recordings with noise that a
model learned from; an amplifier.

**What makes this sound.** Something random is added to every sample, and it does not depend on the
sound.

**Example.** Wrong and right:

```python
excitation = harmonics + noise          # wrong: the noise of unvoiced sounds, always
excitation = harmonics + noise * gain   # right: a gain that the model predicts
```

**Blind spots.** Noise that stops in the pauses; noise without treble. Rain and wind are noise too: a
warning, or information, not an error. With a reference it is `noise-added`.

**How it is measured.** The 5th percentile over time of every frequency, which of steady noise is 1 /
19.5 of its mean power, and the median, which is 13.5 times that percentile: where it is at most
`MAX_SPREAD` = 22 times, there is noise. Reported where `MIN_NOISE_BINS` = 0.5 of all frequencies
hold such noise and together it is less than `MAX_SNR_DB` = 27 dB below the sound, and more than
`MIN_SNR_DB` = 3 dB, and the floors of the three thirds of the recording differ by `MAX_RANGE_DB` = 8
dB at most. Noise that is not white is information unless it lies `SURE_SNR_DB` = 13 dB or more below a voice.

**Fix.** None that is exact.

**References.** R. Martin, minimum statistics (IEEE Transactions on Speech and Audio Processing, 2001).
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from auscult.finding import Finding, Severity
from auscult.rules.sound._related import find_residual
from auscult.rules.sound._voice import is_voice
from auscult.rules.sound.shared_suspects import NOT_LOADED, OFF_TRAINING
from auscult.rules.sound.subject import SoundSubject

CODE = "SND034"
NAME = "hiss"
REQUIRES = SoundSubject
EVIDENCE = "nothing"
EXTENT = "mostly"
EXPLAINS = ()
FOLLOWS = True
SUSPECTS = (NOT_LOADED, OFF_TRAINING)
PERCENTILE_SHARE = 0.0513
"""5th percentile of exponentially distributed power over its mean.

Defined by the exponential distribution: -ln(0.95).
"""
MAX_SPREAD = 22.0
"""Median over 5th percentile, up to which a frequency holds noise (13.5 for white noise).

Chosen, not measured.
"""
MIN_NOISE_BINS = 0.5
"""Share of the frequencies that hold noise. Chosen, not measured."""
MAX_SNR_DB = 27.0
"""Level of the sound above the noise. Chosen, not measured."""
MIN_SNR_DB = 3.0
"""Below it there is hardly anything but noise, which is `noise`. Chosen, not measured."""
MAX_RANGE_DB = 8.0
"""By how much the floor may differ between the thirds of a recording: one that fades is the sound
itself.

Measured on 330 real clips of 25 sources: hiss of a recording 5.9 dB at most, a fading engine 15.8 dB.
Margin: 2.1 and 7.8 dB.
"""
SURE_SNR_DB = 13.0
"""Less far below the sound, noise that is not white may be the sound itself, as of wind or an engine.

Measured on 330 real clips of 25 sources: such sounds have 12.5 dB at most. Margin: 0.5 dB.
"""
MAX_WHITE_DB = 4.0
"""Deviation of the floor over frequency, up to which noise is white. Chosen, not measured."""
MIN_FRAMES = 60
"""Frames that there have to be. Chosen, not measured."""
MIN_MOVEMENT_DB = 2.0
"""Deviation of the level over time: what does not move is no sound under hiss. Chosen, not
measured."""
MIN_LEVEL = 1e-3
"""Root mean square of a recording that is loud enough to be judged. Chosen, not measured."""


def measure_range_db(power: NDArray[np.float32]) -> float:
    """By how much the floor of the thirds of a recording differs, of frames [frames, bins]."""
    floors = [np.percentile(part, 5, axis=0).sum() for part in np.array_split(power, 3)]
    return float(np.ptp(10 * np.log10(np.array(floors, np.float64) + 1e-30)))


def measure_colour_db(power: NDArray[np.float32]) -> float:
    """Deviation over frequency of the floor of frames [frames, bins]: about 1 for white noise."""
    low = np.percentile(power, 5, axis=0)[2:]
    return float((10 * np.log10(low + 1e-30)).std())


def measure_floor(power: NDArray[np.float32]) -> tuple[float, float]:
    """Level of the sound above the noise in dB, and the share of the frequencies that hold noise."""
    low, median = np.percentile(power, (5, 50), axis=0)
    is_noise = (low > 0) & (median <= MAX_SPREAD * low)
    total = float(power.mean(axis=0, dtype=np.float64).sum())
    noise = float(low[is_noise].sum(dtype=np.float64)) / PERCENTILE_SHARE
    if noise <= 0 or total <= 0:
        return 200.0, 0.0
    rest = max(total - noise, total * 1e-3)
    return 10 * float(np.log10(rest / noise)), float(is_noise.mean())


def check(subject: SoundSubject) -> Iterable[Finding]:
    analysis = subject.analysis
    power = analysis.power
    if len(power) < MIN_FRAMES or analysis.rms < MIN_LEVEL or find_residual(subject) is not None:
        return
    movement = float((10 * np.log10(analysis.level + 1e-20)).std())
    if movement < MIN_MOVEMENT_DB:
        return
    snr, share = measure_floor(power[1:-1])
    if share < MIN_NOISE_BINS or not MIN_SNR_DB <= snr <= MAX_SNR_DB:
        return
    if measure_range_db(power[1:-1]) > MAX_RANGE_DB:
        return
    is_white = measure_colour_db(power[1:-1]) <= MAX_WHITE_DB
    is_sure = is_white or (snr >= SURE_SNR_DB and is_voice(subject))
    yield Finding(
        CODE,
        NAME,
        Severity.WARNING if is_sure else Severity.INFO,
        (subject.recording.name,),
        f"hiss: a floor of noise {snr:.0f} dB below the sound that never stops",
        confidence=0.7,
        evidence={"snr_db": round(snr, 1), "noise_bins": round(share, 3)},
        settled_by="auscult listen FILE --ref REFERENCE",
        rank=60,
    )
