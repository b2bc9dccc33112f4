"""The rate was lowered without a low-pass: what lay above the new limit was folded below it.

**What it finds.** A spectrum that is full up to half the sample rate, without the edge that a
low-pass leaves.

**What you hear.** Harsh, gritty consonants; a sizzle that does not belong to the voice.

**Why it happens.** Every third sample is taken, or the samples are interpolated linearly, to get from
24 or 48 kHz to 16 or 8.

**What makes this sound.** The rate is changed by code of one's own instead of a resampler.

**Example.** Wrong and right:

```python
samples = samples[::3]                                # wrong: no low-pass
samples = scipy.signal.resample_poly(samples, 1, 3)   # right
```

**Blind spots.** Without a reference it is information: a model that makes such a rate, and a
resampler with a soft filter (resample_poly, torchaudio's default), fill the band as well. Above `MAX_RATE` = 24,000 Hz real sounds reach
the limit and nothing is told without a reference. Sounds without treble.

**How it is measured.** Mean spectrum of the sounding frames. The last hundredth below half the rate
lies at most `MAX_EDGE_DB` = 7 dB below what is from 0.90 to 0.95 of it, and that band at most
`MAX_BELOW_DB` = 38 dB below the loudest frequency. Properly resampled speech and music fell by 44 to
53 dB there, linearly interpolated by 6 dB at most. With a reference: that of the same rate, or
resampled to it, falls by `MIN_REFERENCE_EDGE_DB` = 15 dB more.

**Fix.** None in the sound. Resample the original with a low-pass.

**References.** getpaseo/paseo 4981, hkjarral/AVA-AI-Voice-Agent 553, peteonrails/voxtype 641.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from auscult.finding import Finding, Severity
from auscult.rules.sound._related import find_relation, is_same_speed
from auscult.rules.sound.subject import SoundSubject
from auscult.rules.suspects import Suspect
from auscult.sound.analysis import SoundAnalysis

CODE = "SND027"
NAME = "aliasing"
REQUIRES = SoundSubject
EVIDENCE = "nothing"
EXTENT = "mostly"
EXPLAINS = ("unexplained",)
SUSPECTS = (
    Suspect(
        ("upsample-mode", "stride-padding"),
        "a strided layer or pooling lowers the rate without a filter",
        needs="traces",
    ),
)
WRITING = (
    "resample with a low-pass: soxr, scipy.signal.resample_poly, torchaudio.functional.resample"
)
MAX_EDGE_DB = 7.0
"""By how much the spectrum may fall at the edge.

Measured on six clips at 8 and 16 kHz: 5.8 dB at most without a low-pass, 48 dB with one. Margin: 1.2
dB.
"""
MAX_BELOW_DB = 38.0
"""By how much the band before the edge may lie below the loudest frequency.

Measured on the same clips without a low-pass: 36.8 dB at most. Margin: 1.2 dB.
"""
MIN_REFERENCE_EDGE_DB = 15.0
"""By how much more the reference falls at the edge. Chosen, not measured."""
MAX_RATE = 24000
"""Rate in Hz up to which it is told without a reference. Chosen, not measured."""
MIN_MOVEMENT_DB = 6.0
"""Deviation over time of the level at the edge, below which it is hiss. Chosen, not measured."""
MIN_SECONDS = 0.5
"""Shorter recordings are not looked at. Chosen, not measured."""
MAX_SNR_DB = 35.0
"""Level of the sound above the residual, above which a soft low-pass was used.

Measured on linear interpolation of six clips: 26 dB at most. Margin: 9 dB.
"""
MIN_FOLLOWS = 0.4
"""Correlation of the residual's level with the sound's, below which the band was filled by noise.

Chosen, not measured.
"""


@dataclass(frozen=True)
class BandEdge:
    """How a spectrum ends at half the sample rate.

    Attributes:
        fall_db: By how much it falls at the very edge.
        below_db: How far the band before the edge lies below the loudest frequency.
    """

    fall_db: float
    below_db: float

    @property
    def is_full(self) -> bool:
        return self.fall_db <= MAX_EDGE_DB and self.below_db <= MAX_BELOW_DB


def measure_edge(analysis: SoundAnalysis) -> BandEdge | None:
    """The edge of a recording's spectrum; None where there is no sound."""
    power = analysis.mean_power
    if analysis.seconds < MIN_SECONDS or not analysis.active_frames.any() or power.max() <= 0:
        return None
    last = len(power) - 1
    edge = float(power[int(0.985 * last) : int(0.998 * last) + 1].mean())
    band = float(power[int(0.9 * last) : int(0.95 * last) + 1].mean())
    if min(edge, band) <= 0:
        return None
    return BandEdge(10 * np.log10(band / edge), 10 * np.log10(float(power.max()) / band))


def measure_edge_movement(analysis: SoundAnalysis) -> float:
    """Standard deviation of the level of the band at the edge over the sounding frames, in dB: hiss
    stays, folded sound moves.
    """
    power = analysis.power[analysis.active_frames]
    band = power[:, int(0.9 * power.shape[1]) :].sum(axis=1, dtype=np.float64)
    return float((10 * np.log10(band + 1e-20)).std())


def check(subject: SoundSubject) -> Iterable[Finding]:
    edge = measure_edge(subject.analysis)
    if edge is None or not edge.is_full:
        return
    rate = subject.analysis.sample_rate
    evidence = {"fall_db": round(edge.fall_db, 1), "below_db": round(edge.below_db, 1)}
    if subject.reference is None:
        if rate > MAX_RATE or measure_edge_movement(subject.analysis) < MIN_MOVEMENT_DB:
            return
        severity = Severity.INFO
        note = "as of sound that was brought down to this rate without a low-pass (aliasing) or with a soft one"
    else:
        fall = _measure_reference_fall(subject)
        if fall is None or fall < edge.fall_db + MIN_REFERENCE_EDGE_DB:
            return
        evidence["reference_fall_db"] = round(fall, 1)
        severity = Severity.ERROR
        note = f"and the reference's falls by {fall:.0f} dB there: aliasing"
    yield Finding(
        CODE,
        NAME,
        severity,
        (subject.recording.name,),
        f"the spectrum is full up to {rate / 2:,.0f} Hz, {note}",
        confidence=0.6 if subject.reference is None else 0.85,
        evidence=evidence,
        settled_by="auscult listen FILE --ref ORIGINAL" if subject.reference is None else None,
        rank=24,
    )


def _measure_reference_fall(subject: SoundSubject) -> float | None:
    """By how much the reference falls at the recording's edge; None where it is not comparable."""
    relation = find_relation(subject)
    if relation is None or not is_same_speed(relation):
        return None
    if subject.residual.follows < MIN_FOLLOWS or subject.residual.snr_db > MAX_SNR_DB:
        return None
    rate = subject.recording.sample_rate
    reference = subject.finite_pair[1]
    if reference.sample_rate < rate:
        return None
    edge = measure_edge(SoundAnalysis(reference.resample(rate)))
    return None if edge is None else edge.fall_db
