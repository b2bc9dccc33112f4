"""Overlapping windows that do not add up to one: the level goes up and down once per hop.

**What it finds.** A gain that repeats every hop: the same phase and depth from beginning to end.

**What you hear.** A roughness or a low whirr that rides on the sound, and stops where it stops.

**Why it happens.** Frames are windowed, overlapped and added without dividing by the sum of the
windows; analysis and synthesis windows are both applied, and one was meant; the hop is half of the
frame where the window asks for a quarter.

**What makes this sound.** The inverse STFT does not divide by the sum of its squared windows.

**Example.** Wrong and right:

```python
out[start : start + size] += window**2 * frame   # wrong at a hop of size / 2: a ripple of 6 dB
out /= window_sum                                # right: divided by what the windows add up to
```

**Blind spots.** Ripples below 1 dB. Less than about 100 periods of sound. Hops that are not among the usual ones, where the model's is not
known. Models whose strides make the whole hop have no windows, and are left out. Windows that add up to another constant are `gain`. Where a text was
spoken without the pulses of a voice, the ripple is left to `phase-metallic`.

**How it is measured.** The logarithm of the magnitude of each sample, projected period by period on
one turn of a circle: over the sounding periods these numbers average out unless the gain follows the
period. Reported where their mean stands `MIN_Z` = 5 standard errors out, is `MIN_RIPPLE_DB` = 1 dB deep
(`MIN_BLIND_RIPPLE_DB` = 1.9 dB where the hop is not known) and at most `MAX_RIPPLE_DB` = 4.5 dB, and each eighth of the recording agrees with it to `MIN_AGREEMENT` = 0.4.

**Fix.** Lossy: divide by the sum of the squared windows of the inverse STFT that made it.

**References.** D. Griffin, J. Lim, signal estimation from modified short-time Fourier transform
(IEEE Transactions on Acoustics, Speech, and Signal Processing, 1984), equation 6.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from auscult.finding import Finding, Severity
from auscult.rules.sound.snd017_phase_metallic import MAX_SHARPNESS
from auscult.rules.sound.subject import SoundSubject
from auscult.rules.suspects import Suspect

CODE = "SND062"
NAME = "window-ripple"
REQUIRES = SoundSubject
EVIDENCE = "nothing"
EXTENT = "mostly"
EXPLAINS = ("frame-seams", "tone", "imaging", "unexplained")
SUSPECTS = (
    Suspect(
        ("istft-normalisation",),
        "the inverse STFT does not divide by the sum of its squared windows",
        needs="traces",
    ),
)
USUAL_HOPS = (120, 128, 160, 192, 200, 240, 256, 275, 300, 320, 400, 441, 480, 512)
"""Hops that are looked at where the model's is not known, in samples: shorter periods are those of
upsampling layers. Measured on 6 sentences of the bundled vocoder: 2.4 to 4.1 dB at 64 samples,
which is its hop and no window. Margin: not recorded."""
MAX_SAMPLES = 2**19
"""Samples that are looked at, from the beginning on. Chosen, not measured."""
FLOOR_SHARE = 1e-3
"""Of the peak, added to magnitudes before the logarithm. Chosen, not measured."""
SOUNDING_NEPERS = 5.0
"""Below the loud periods: what is quieter is left out. Chosen, not measured."""
MIN_PERIODS = 64
"""Periods that there have to be. Chosen, not measured."""
PARTS = 8
"""Parts of the recording that have to agree. Chosen, not measured."""
MIN_Z = 5.0
"""Mean over its standard error.

Measured on 687 real clips of 48 sources, some of the reported half among them: 4.1 at most where
the parts agree and the depth fits. Margin: 0.9.
"""
MIN_RIPPLE_DB = 1.0
"""Depth, from the middle to the top, at the model's own hop. Chosen, not measured."""
MIN_BLIND_RIPPLE_DB = 1.9
"""The same at any hop.

Measured on a voice and music whose squared windows do not add up: 2.1 dB at least; frames of random
phase have 1.5 dB. Margin: 0.2 dB.
"""
MAX_RIPPLE_DB = 4.5
"""Deeper ones are pulses or pauses: squared Hann windows at half a frame make 3 dB. Chosen, not
measured."""
MIN_AGREEMENT = 0.4
"""Of the part that agrees least: its share of the mean, in the direction of the mean.

Measured on voices and music whose squared windows do not add up: 0.68 at least. Margin: 0.28.
"""
MAX_STEADY_DB = -0.7
"""Level of each bin against its mean power, weighted by energy: above it the sound is a tone, which
has a period of its own. Chosen, not measured."""
DB_PER_NEPER = float(20 / np.log(10))


@dataclass(frozen=True)
class Ripple:
    """A gain that repeats: its period in samples, its depth in dB, how far it stands out of chance
    in standard errors, and how far the least agreeing part follows.
    """

    period: int
    depth_db: float
    z: float
    agreement: float


def measure_ripple(logarithms: NDArray[np.float32], period: int) -> Ripple | None:
    """The ripple of a period in log magnitudes [time]; None where too few periods sound."""
    periods = logarithms[: len(logarithms) // period * period].reshape(-1, period)
    if len(periods) < MIN_PERIODS:
        return None
    levels = periods.mean(axis=1)
    is_sounding = levels > np.percentile(levels, 95) - SOUNDING_NEPERS
    angles = 2 * np.pi * np.arange(period) / period
    circle = np.stack([np.cos(angles), -np.sin(angles)], axis=1).astype(np.float32)
    turns = (periods @ circle)[is_sounding] * (2 / period)
    values = turns[:, 0] + 1j * turns[:, 1]
    if len(values) < MIN_PERIODS:
        return None
    mean = complex(values.mean())
    error = float(values.std()) / np.sqrt(len(values))
    parts = [complex(part.mean()) for part in np.array_split(values, PARTS)]
    size = max(abs(mean), 1e-12)
    agreement = min((part * mean.conjugate()).real for part in parts) / size**2
    return Ripple(period, size * DB_PER_NEPER, size / max(error, 1e-12), agreement)


def is_ripple(ripple: Ripple, shallowest_db: float) -> bool:
    """Whether it is as deep as windows make it, all along, and no chance."""
    is_deep = shallowest_db <= ripple.depth_db <= MAX_RIPPLE_DB
    return is_deep and ripple.z >= MIN_Z and ripple.agreement >= MIN_AGREEMENT


def has_lost_phases(subject: SoundSubject) -> bool:
    """Whether a text was spoken without the pulses of a voice: frames of random phase ripple as well,
    which is `phase-metallic`.
    """
    if subject.facts.text is None:
        return False
    return subject.analysis.speaking_measures.sharpness < MAX_SHARPNESS


def has_no_windows(subject: SoundSubject) -> bool:
    """Whether upsampling layers alone make the whole hop: then no frames are added up."""
    return bool(subject.facts.strides) and math.prod(subject.facts.strides) == subject.hop


def check(subject: SoundSubject) -> Iterable[Finding]:
    voice = subject.analysis.voice[:MAX_SAMPLES]
    peak = float(np.abs(voice).max(initial=0.0))
    if peak <= 0 or subject.analysis.stillness.weighted_db >= MAX_STEADY_DB:
        return
    if has_lost_phases(subject) or has_no_windows(subject):
        return
    logarithms = np.log(np.abs(voice) + np.float32(peak * FLOOR_SHARE))
    periods = (subject.hop,) if subject.hop else USUAL_HOPS
    measured = (measure_ripple(logarithms, period) for period in periods)
    shallowest_db = MIN_RIPPLE_DB if subject.hop else MIN_BLIND_RIPPLE_DB
    ripples = [each for each in measured if each is not None and is_ripple(each, shallowest_db)]
    if not ripples:
        return
    best = max(ripples, key=lambda ripple: ripple.z)
    yield Finding(
        CODE,
        NAME,
        Severity.ERROR if subject.hop else Severity.WARNING,
        (subject.recording.name,),
        f"the level goes up and down by {2 * best.depth_db:.1f} dB every {best.period} samples: "
        "overlapping windows that do not add up to one",
        confidence=0.9 if subject.hop else 0.8,
        evidence={
            "period": best.period,
            "depth_db": round(best.depth_db, 2),
            "z": round(best.z, 1),
            "agreement": round(best.agreement, 2),
            "hop": subject.hop,
        },
        rank=17,
    )
