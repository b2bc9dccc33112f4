"""The level changes from frame to frame against the reference, and the waveform does not.

**What it finds.** The reference's own waveform, whose level steps up and down every few milliseconds.

**What you hear.** A flutter or a rattle under the sound; at a high rate, a buzz at the rate of the
frames.

**Why it happens.** Overlap-add without dividing by the sum of the windows; every frame normalised by
itself; a gain that is predicted per frame and not interpolated.

**What makes this sound.** Frames are scaled one by one, or their windows do not add up to one.

**Example.** Wrong and right:

```python
samples = overlap_add(frames * window)                # wrong: as loud as the windows' sum there
samples = overlap_add(frames * window) / window_sum   # right
```

**Blind spots.** Frames shorter than 8 ms, unless their windows ripple; long frames with gains that
differ little. Where the waveform itself
differs, as after a vocoder or a codec of few bits.

**How it is measured.** Level against the reference in blocks of `BLOCK_SECONDS` = 4 ms. In at least
`MIN_SAME_SHARE` = 0.7 of those that sound, the two correlate by `MIN_CORRELATION` = 0.97; and of their
neighbours at least `MIN_STEP_SHARE` = 0.15 differ by `MIN_STEP_DB` = 1.2 dB. Of 23
real clips, windows that are not divided by their sum gave 0.41 at least, gains drawn for frames of 12
ms 0.07 to 0.24 (voices 0.2 at least); Opus, Vorbis, MP3 and mu-law of the same clips 0.104 at most.

**Fix.** None in the sound: divide by the sum of the windows, or interpolate the gain.

**References.** librosa.istft divides by the sum of squared windows.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from auscult.finding import Finding, Severity
from auscult.rules.sound._related import find_residual
from auscult.rules.sound.subject import SoundSubject
from auscult.rules.suspects import Suspect
from auscult.sound.residual import Residual

CODE = "SND065"
NAME = "frame-seams"
REQUIRES = SoundSubject
EVIDENCE = "reference"
EXTENT = "whole"
EXPLAINS = (
    *("gain", "level-jump", "fade", "unexplained", "noise-added", "phase-metallic", "buzz"),
    *("samples-inserted", "samples-lost", "clipping", "mel-definition", "window-ripple"),
)
SUSPECTS = (
    Suspect(
        ("istft-window", "istft-normalisation", "istft-trim"),
        "the windows of neighbouring frames do not add up to one",
        needs="traces",
    ),
)
BLOCK_SECONDS = 0.004
"""Length of the blocks whose level is compared with the next one's. Chosen, not measured."""
MIN_BLOCK_SAMPLES = 24
"""Fewer samples do not say how loud a block is. Chosen, not measured."""
AUDIBLE_DB = 40.0
"""Blocks farther below the loud ones are not compared. Chosen, not measured."""
MIN_CORRELATION = 0.97
"""Of a block with the reference's: above it the waveform is the same. Chosen, not measured."""
MIN_SAME_SHARE = 0.7
"""Share of the blocks that are.

Measured on 14 real clips: frames with a gain of their own 0.86 at least; a codec that lets their levels
step as much, 0.51 at most. Margin: 0.16.
"""
MIN_STEP_DB = 1.2
"""Difference of neighbouring blocks that is a step. Chosen, not measured."""
MIN_STEP_SHARE = 0.15
"""Share of neighbours that differ by a step.

Measured on 23 real clips: windows that ripple 0.41 at least, gains drawn for every frame 0.07 to 0.24;
after codecs 0.104 at most (Opus, music). Margin: 0.05.
"""
MIN_BLOCKS = 50
"""Blocks below which nothing is said. Chosen, not measured."""


@dataclass(frozen=True)
class FrameLevels:
    """Share of the blocks whose waveform is the reference's, share of their neighbours that differ by a
    step, and how large the median step is in dB.
    """

    same_share: float
    step_share: float
    step_db: float


def measure_frame_levels(residual: Residual) -> FrameLevels | None:
    """The levels of short blocks against the reference; None where too few sound."""
    size = max(int(BLOCK_SECONDS * residual.rate), MIN_BLOCK_SAMPLES)
    count = len(residual.recording) // size
    x, y = (
        side[: count * size].reshape(count, size)
        for side in (residual.recording, residual.reference)
    )
    energy_x, energy_y = np.square(x).sum(axis=1), np.square(y).sum(axis=1)
    if not count or energy_y.max() <= 0:
        return None
    product = (x * y).sum(axis=1)
    sounding = energy_y > 10 ** (-AUDIBLE_DB / 10) * np.percentile(energy_y, 95)
    correlations = product / np.sqrt(energy_x * energy_y + np.finfo(np.float64).tiny)
    is_same = sounding & (correlations > MIN_CORRELATION)
    if is_same.sum() < MIN_BLOCKS:
        return None
    levels = 20 * np.log10(product[is_same] / energy_y[is_same])
    is_next = np.diff(np.flatnonzero(is_same)) == 1
    steps = np.abs(np.diff(levels))[is_next]
    large = steps[steps >= MIN_STEP_DB]
    return FrameLevels(
        float(is_same.sum() / sounding.sum()),
        float(len(large) / max(len(steps), 1)),
        float(np.median(large)) if len(large) else 0.0,
    )


def check(subject: SoundSubject) -> Iterable[Finding]:
    residual = find_residual(subject)
    levels = None if residual is None else measure_frame_levels(residual)
    if levels is None or levels.same_share < MIN_SAME_SHARE or levels.step_share < MIN_STEP_SHARE:
        return
    yield Finding(
        CODE,
        NAME,
        Severity.ERROR,
        (subject.recording.name,),
        f"the level steps by about {levels.step_db:.1f} dB from frame to frame against the reference, "
        "and the waveform is the same: frames are scaled one by one, or their windows do not add up "
        "to one",
        confidence=0.9,
        evidence={
            "step_db": round(levels.step_db, 2),
            "step_share": round(levels.step_share, 3),
            "same_share": round(levels.same_share, 3),
        },
        rank=16,
    )
