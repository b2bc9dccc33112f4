"""The recording is louder or quieter than the reference.

**What it finds.** A factor on the level, to 0.1 dB.

**What you hear.** The same, louder or quieter; far too quiet it is lost in the noise, far too loud
it is clipped later.

**Why it happens.** Normalisation on one side only; iSTFT divided by the sum of windows instead of
their squares (-2.5 dB for a Hann window); weight norm fused over the wrong axis; a scale that is
not multiplied back.

**What makes this sound.** The right sound comes out at the wrong level.

**Example.** Wrong and right:

```python
samples /= window_sum             # wrong: the sum of the windows, 2.5 dB too quiet for Hann
samples /= squared_window_sum     # right: of their squares, if both transforms are windowed
```

**Blind spots.** Where only the spectra agree, the level is the ratio of the powers, and models
differ by some decibels (the bundled vocoder on voices that it never met: 0.5 to 3.8 dB quieter):
reported from `MIN_SPECTRAL_DB` = 5 dB on. A level that is wrong in some places only (a limiter) is
judged by its middle.

**How it is measured.** Magnitude of the transfer function from the reference to the recording,
median over the frequencies weighted with the reference's power, so that added noise, DC and a
narrower band hardly move it. Reported from `MIN_DB` = 0.95 dB on where the waveforms agree; an error
from `ERROR_DB` = 12 dB on.

**Fix.** Multiply by the factor in the message.

**References.** Blaizzy/mlx-audio PR 858 (-2.5 dB by an iSTFT).
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from auscult.finding import Finding, Fix, Severity
from auscult.rules.sound._related import find_relation
from auscult.rules.sound.snd049_pre_emphasis import is_filter_tilt
from auscult.rules.sound.subject import SoundSubject
from auscult.rules.suspects import Suspect
from auscult.sound.counterpart import find_tilt

CODE = "SND043"
NAME = "gain"
REQUIRES = SoundSubject
EVIDENCE = "reference"
EXTENT = "whole"
EXPLAINS = ()
FOLLOWS = True
SUSPECTS = (
    Suspect(
        (
            "istft-normalisation",
            "factor",
            "branch-sum-mean",
            "weight-norm-unfused",
            "weight-norm-swapped",
            "residual-missing",
        ),
        "a factor between layers: a mean for a sum, an iSTFT divided by the sum of the window",
        needs="traces",
    ),
    Suspect(
        ("tensor-missing", "renamed", "prefix"),
        "a branch that adds energy (a harmonic source, a final projection) has no weights",
        needs="code",
    ),
    Suspect(
        ("amplitude-conflict", "codebook-collapse", "misaligned-target"),
        "small amplitude is the right answer of a model that knows little: look at the correlation",
        needs="training",
    ),
)
WRITING = "look where the samples are written: a loudness normalisation, a volume, an integer scale"
MIN_DB = 0.95
"""Difference of level from which on it is reported where the waveforms agree: 1 dB, as it is said.

Measured on MP3 files of LAME, which turns the sound down beforehand: 0.45 dB. Margin: 0.5 dB.
"""
MIN_SPECTRAL_DB = 5.0
"""The same where only the spectra agree.

Measured on the bundled vocoder with voices that it never met: 0.5 to 3.8 dB. Margin: 1.2 dB.
"""
ERROR_DB = 12.0
"""Difference of level from which on it is an error. Chosen, not measured."""


def check(subject: SoundSubject) -> Iterable[Finding]:
    relation = find_relation(subject)
    if relation is None or not np.isfinite(relation.gain_db):
        return
    gain = relation.gain_db
    if relation.coherent:
        least_db, confidence = MIN_DB, 0.95
    else:
        least_db, confidence = MIN_SPECTRAL_DB, 0.7
    if abs(gain) < least_db:
        return
    spectral_tilt = find_tilt(relation)
    if spectral_tilt is not None and is_filter_tilt(spectral_tilt, coherent=relation.coherent):
        return  # the filter has another gain at every frequency
    factor = 10.0 ** (-gain / 20.0)
    code = f"samples = samples * {factor:.6g}"
    if gain > 0:
        direction, fix = "louder", Fix("lossy", f"Multiply the samples by {factor:.5g}.", code=code)
    else:
        direction, fix = "quieter", Fix("safe", f"Multiply the samples by {factor:.5g}.", code=code)
    yield Finding(
        CODE,
        NAME,
        Severity.ERROR if abs(gain) >= ERROR_DB else Severity.WARNING,
        (subject.recording.name,),
        f"is {abs(gain):.1f} dB {direction} than the reference: a factor of {1 / factor:.4g}",
        confidence=confidence,
        evidence={"gain_db": round(gain, 3), "factor": round(1 / factor, 6)},
        fix=fix,
        rank=42,
    )
