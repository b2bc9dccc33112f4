"""Mu-law once too often: the samples were expanded or compressed, and the reference was not.

**What it finds.** Samples that are a curve of the reference's samples: the mu-law's, or its inverse.

**What you hear.** Expanded: quiet sounds vanish, loud ones are harsh. Compressed: hiss and breath as
loud as the voice, everything distorted.

**Why it happens.** A vocoder that predicts linear samples is followed by the expansion that another
one needs, or the expansion is left out; `mu` of 255 on one side and 256 classes on the other.

**What makes this sound.** The output is read on another scale of amplitudes than it was trained on.

**Example.** Wrong and right:

```python
samples = expand_mulaw(model(mel))  # wrong: this model gives linear samples
samples = model(mel)                # right
```

**Blind spots.** Without a reference: a curve on the samples cannot be told from a louder or softer
way of speaking. Other curves (soft clipping) are `saturated` or `unexplained`.

**How it is measured.** The aligned reference goes through y = sign(x) ((1 + mu)^|s x| - 1) / mu and
its inverse, mu = 255, for several scales s. The best curve has to leave at most `MAX_LEFT` = 0.1 of
the energy that the best single factor leaves, and that at least `MIN_LEFT_DB` = -35 dB of the sound.

**Fix.** Lossy: the inverse curve.

**References.** CorentinJ/Real-Time-Voice-Cloning 300.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from auscult.finding import Finding, Fix, Severity
from auscult.rules.sound._related import find_residual
from auscult.rules.sound.subject import SoundSubject

CODE = "SND037"
NAME = "companded"
REQUIRES = SoundSubject
EVIDENCE = "reference"
EXTENT = "whole"
EXPLAINS = (
    *("gain", "unexplained", "level-jump", "mel-definition", "saturated", "phase-metallic"),
    *("noise-added", "noise", "pre-emphasis", "flat-mel", "click", "lag", "echo", "frame-seams"),
)
WRITING = "expand what was compressed, once"
MU = 255.0
"""Strength of the curve. Defined by ITU-T G.711."""
MAX_LEFT = 0.1
"""Share of the energy that one factor leaves, which the curve may leave. Chosen, not measured."""
MIN_LEFT_DB = -35.0
"""What one factor leaves, below the sound: less is no curve. Chosen, not measured."""
SCALES = (0.5, 0.7, 0.85, 1.0, 1.2, 1.5, 2.0, 3.0)
"""Factors on the reference before the curve. Chosen, not measured."""
MAX_SAMPLES = 240_000
"""Samples that are looked at, evenly spaced. Chosen, not measured."""

Doubles = NDArray[np.float64]
Direction = Literal["expanded", "compressed"]


def expand(samples: Doubles) -> Doubles:
    """Mu-law undone."""
    return np.asarray(np.sign(samples) * ((1 + MU) ** np.minimum(np.abs(samples), 1.5) - 1) / MU)


def compress(samples: Doubles) -> Doubles:
    """Mu-law applied."""
    return np.asarray(np.sign(samples) * np.log1p(MU * np.abs(samples)) / np.log1p(MU))


CURVES: dict[Direction, Callable[[Doubles], Doubles]] = {
    "expanded": expand,
    "compressed": compress,
}


def fit_curve(recording: Doubles, reference: Doubles) -> tuple[Direction, float, float]:
    """Which curve leaves least, what it leaves of what one factor leaves, and that in dB of the
    sound.
    """
    thin = max(1, len(reference) // MAX_SAMPLES)
    x, y = recording[::thin], reference[::thin]
    straight = _measure_left(x, y)
    left = {
        (name, scale): _measure_left(x, curve(scale * y))
        for name, curve in CURVES.items()
        for scale in SCALES
    }
    name, scale = min(left, key=lambda key: left[key])
    share = left[name, scale] / max(straight, 1e-12)
    return name, share, 10 * float(np.log10(straight + 1e-12))


def _measure_left(target: Doubles, predictor: Doubles) -> float:
    """Share of the target's energy that the best multiple of the predictor leaves."""
    energy = float(target @ target) * float(predictor @ predictor)
    return max(0.0, 1 - float(target @ predictor) ** 2 / (energy + 1e-30))


def check(subject: SoundSubject) -> Iterable[Finding]:
    residual = find_residual(subject)
    if residual is None:
        return
    direction, share, straight_db = fit_curve(residual.recording, residual.reference)
    if share > MAX_LEFT or straight_db < MIN_LEFT_DB:
        return
    inverse = "compress" if direction == "expanded" else "expand"
    yield Finding(
        CODE,
        NAME,
        Severity.ERROR,
        (subject.recording.name,),
        f"mu-law {direction} once too often: the samples are the reference's through that curve, "
        f"which leaves {share:.1%} of what a factor leaves",
        confidence=0.95,
        evidence={
            "curve": direction,
            "left": round(share, 4),
            "straight_db": round(straight_db, 1),
        },
        fix=Fix("lossy", f"{inverse.capitalize()} the samples by mu-law, once."),
        rank=12,
    )
