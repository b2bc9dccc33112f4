"""Integers taken for floats, or scaled twice: far too loud, or nearly nothing with all its detail.

**What it finds.** Floating-point samples far beyond full scale; samples below -60 dBFS that still
have hundreds of levels.

**What you hear.** Distortion at full scale, or silence.

**Why it happens.** 16-bit integers handed on as floats without the division by 32,768; the division
done twice; 24-bit or 32-bit integers divided by the wrong power of two.

**What makes this sound.** Integers were taken for floats, or 16 bits for 24 or 32. The level is off
by a power of two.

**Example.** Wrong and right:

```python
samples = np.frombuffer(data, "<i2").astype(np.float32)          # wrong: up to 32,768
samples = np.frombuffer(data, "<i2").astype(np.float32) / 32768  # right: within ±1
```

**Blind spots.** In an integer file the quiet kind has lost its detail and is `silence`. A recording
that really is so quiet looks the same: above -80 dBFS it is a warning.

**How it is measured.** Peak. Reported above `MAX_PEAK` = 4 (an unclipped float mix may pass 1), up to
`SURE_PEAK` = 100 only where the samples are whole numbers, and
below `MIN_PEAK` = 1e-3, with more than 64 levels. The power of two is the one that brings the peak
between 0.05 and 1 if it is a usual one: 7, 8, 15, 16, 23, 24, 31. False alarms: none on 270 clean
clips of speech, music and instruments (180 set the thresholds, 90 were held out).

**Fix.** A guess: divide or multiply by that power of two, at the place where integers become
floats.

**References.** `soundfile.read(dtype="int16")` gives integers; `wave` gives bytes.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from auscult.finding import Finding, Fix, Severity
from auscult.rules.sound.subject import SoundSubject

CODE = "SND006"
NAME = "integer-scale"
REQUIRES = SoundSubject
EVIDENCE = "nothing"
EXTENT = "mostly"
EXPLAINS = ("clipping", "silence")
WRITING = "divide by the full scale of the integer type that was read (32768 for 16 bits)"
MAX_PEAK = 4.0
"""Peak above which samples are integers; an unclipped mix of floats may pass 1.

Measured on 270 clean clips of speech, music and instruments: no false alarm of the rule. Margin:
not recorded.
"""
MIN_PEAK = 1e-3
"""Peak below which samples were scaled down twice.

Measured on 270 clean clips of speech, music and instruments: no false alarm of the rule. Margin:
not recorded.
"""
SURE_PEAK = 100.0
"""Peak from which on samples need not be whole numbers: resampled or coded integers.

Measured on 330 real clips of 25 sources: Vorbis files that were coded far too loud reach 51. Margin:
2.
"""
MIN_WHOLE = 0.99
"""Share of whole numbers among integers that are read as floats. Chosen, not measured."""
ERROR_PEAK = 1e-4
"""Peak below which it is an error. Chosen, not measured."""
MIN_LEVELS = 64
"""Different levels that show that the detail is there. Chosen, not measured."""
MIN_SCALED_PEAK = 0.05
"""Peak that the right power of two has to give at least. Chosen, not measured."""
USUAL_BITS = (15, 23, 31, 7, 16, 8, 24)


def is_whole(samples: NDArray[np.float32]) -> bool:
    """Whether next to all samples are whole numbers."""
    return bool((samples == np.rint(samples)).mean() >= MIN_WHOLE)


def check(subject: SoundSubject) -> Iterable[Finding]:
    analysis = subject.analysis
    has_detail = analysis.is_finite and analysis.level_count > MIN_LEVELS
    if not has_detail or analysis.peak == 0:
        return
    if analysis.peak > MAX_PEAK:
        if analysis.peak < SURE_PEAK and not is_whole(analysis.samples):
            return  # a gain that is too high, which is `over-full-scale`
        yield _report_loud(subject, analysis.peak)
    elif analysis.peak < MIN_PEAK:
        yield _report_quiet(subject, analysis.peak)


def _report_loud(subject: SoundSubject, peak: float) -> Finding:
    bits = next((bits for bits in USUAL_BITS if _is_usual_peak(peak * 2.0**-bits)), None)
    power = f"2**{bits}" if bits else f"{peak:.3g}"
    return Finding(
        CODE,
        NAME,
        Severity.ERROR,
        (subject.recording.name,),
        f"the samples are up to {peak:,.4g} times full scale: integers taken for floats",
        confidence=0.95 if bits else 0.7,
        evidence={"peak": peak, "bits": bits},
        fix=Fix("guess", f"Divide by {power}.", code=f"samples / {power}"),
        rank=4,
    )


def _report_quiet(subject: SoundSubject, peak: float) -> Finding:
    bits = next((bits for bits in USUAL_BITS if _is_usual_peak(peak * 2.0**bits)), None)
    power = f"2**{bits}" if bits else f"{1 / peak:.3g}"
    return Finding(
        CODE,
        NAME,
        Severity.ERROR if peak < ERROR_PEAK else Severity.WARNING,
        (subject.recording.name,),
        f"the samples are at most {20 * np.log10(peak):.0f} dBFS, with all its detail: divided by "
        "the integers' range twice",
        confidence=0.95 if bits else 0.7,
        evidence={"peak": peak, "bits": bits},
        fix=Fix("guess", f"Multiply by {power}.", code=f"samples * {power}"),
        rank=4,
    )


def _is_usual_peak(peak: float) -> bool:
    return MIN_SCALED_PEAK <= peak <= 1.0
