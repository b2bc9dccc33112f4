"""The samples lie on a coarse grid: 8 bits or fewer.

**What it finds.** Samples that are all multiples of one step, with few levels between the extremes.

**What you hear.** A grainy hiss that comes and goes with the sound; quiet parts break up.

**Why it happens.** A cast to 8 bits on the way; a codec or quantiser that was trained on 8 bits and
is read without its expansion; a scale of 127 instead of 32767.

**What makes this sound.** The amplitude is rounded to a few hundred values.

**Example.** Wrong and right:

```python
pcm = (samples * 127).astype(np.int8)      # wrong: 256 levels
pcm = (samples * 32767).astype(np.int16)   # right
```

**Blind spots.** Samples that were filtered or resampled afterwards have left the grid. An old 8-bit
recording is truly one: a warning.

**How it is measured.** The distinct values of the loudest stretch: all of them lie on multiples of
the smallest gap (`MIN_ON_GRID` = 0.99), the step is at least `MIN_STEP` (1/2048), and there are
between `MIN_LEVELS` = 12 and `MAX_LEVELS` = 300 levels.

**Fix.** None in the sound: what was rounded away is not there.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from auscult.finding import Finding, Severity
from auscult.rules.sound.subject import SoundSubject
from auscult.sound.pcm import find_loud_part

CODE = "SND036"
NAME = "coarse-steps"
REQUIRES = SoundSubject
EVIDENCE = "nothing"
EXTENT = "mostly"
EXPLAINS = ("noise-added", "noise", "unexplained", "flat-mel", "band-limited")
WRITING = "convert floats to 16 bits or more, and expand what was companded"
MIN_STEP = 1 / 2048
"""Step between levels, full scale being 1: coarser than 12 bits. Chosen, not measured."""
MIN_LEVELS = 12
"""Fewer levels are a square wave, or silence. Chosen, not measured."""
MAX_LEVELS = 300
"""More levels are no 8 bits. Chosen, not measured."""
MIN_ON_GRID = 0.99
"""Share of the distinct values that lie on the grid. Chosen, not measured."""
RELATIVE_TOLERANCE = 1e-4
"""The same for each step from the lowest value. Chosen, not measured."""
GRID_TOLERANCE = 0.02
"""Of a step, by which a value may be off the grid. Chosen, not measured."""


def find_step(channel: NDArray[np.float32]) -> tuple[float, int] | None:
    """The step of the grid of [time] samples and how many values of it are used; None without one."""
    values = np.unique(find_loud_part(channel, 65536)).astype(np.float64)
    if not MIN_LEVELS <= len(values) <= MAX_LEVELS:
        return None
    step = float(np.percentile(np.diff(values), 5))
    if step < MIN_STEP:
        return None
    places = (values - values[0]) / step
    on_grid = np.abs(places - np.rint(places)) <= np.maximum(
        GRID_TOLERANCE, RELATIVE_TOLERANCE * places
    )
    return (step, len(values)) if on_grid.mean() >= MIN_ON_GRID else None


def check(subject: SoundSubject) -> Iterable[Finding]:
    samples = subject.analysis.samples
    steps = [find_step(channel) for channel in samples if channel.any()]
    if not steps or any(step is None for step in steps):
        return
    step, levels = max((each for each in steps if each is not None), key=lambda each: each[0])
    bits = float(np.log2(2 / step))
    yield Finding(
        CODE,
        NAME,
        Severity.WARNING,
        (subject.recording.name,),
        f"the samples lie on {levels} levels, {step:.4g} apart: quantised to {bits:.0f} bits",
        confidence=0.95,
        evidence={"levels": levels, "step": step, "bits": round(bits, 2)},
        rank=22,
    )
