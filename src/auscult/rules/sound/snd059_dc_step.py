"""A constant under the sound that jumps from one stretch to the next.

**What it finds.** Steps of the mean: stretches that lie on another constant than their neighbours.

**What you hear.** A dull click at every step; otherwise nothing.

**Why it happens.** Every chunk or phrase gets a constant of its own from a bias or a
normalisation; a stateful high-pass that is started anew.

**What makes this sound.** Another constant is added to each chunk.

**Example.** Wrong and right:

```python
out = [chunk - chunk[0] for chunk in chunks]  # wrong: the first sample is not the mean
out = [chunk - chunk.mean() for chunk in chunks]  # right
```

**Blind spots.** Steps below 2 % of the sound. Thumps of breath on a microphone move the mean too,
but do not stay.

**How it is measured.** Medians of the means of blocks of 20 ms, 0.24 s before and after each place.
Without a reference a step has to be `MIN_SHARE` = 0.05 of the sound's root mean square and four
times as large as both sides scatter; it is a warning in a voice where the level does not change there by
more than `MAX_LEVEL_CHANGE_DB` = 5 dB, or where it is `SURE_SHARE` = 0.4 of the louder side, else
information: the mean of a lopsided wave moves with its level. With one the reference is subtracted first.

**Fix.** Subtract the mean of each chunk.

**References.** openutau/OpenUtau 1763.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from auscult.facts.words import format_count
from auscult.finding import Finding, Severity
from auscult.rules.sound._related import find_residual
from auscult.rules.sound._voice import is_voice
from auscult.rules.sound.subject import SoundSubject

CODE = "SND059"
NAME = "dc-step"
REQUIRES = SoundSubject
EVIDENCE = "nothing"
EXTENT = "anywhere"
EXPLAINS = ("dc", "unexplained", "click")
WRITING = "take the mean off every chunk, or run one high-pass over all of them"
BLOCK_SECONDS = 0.02
"""Length of a block. Chosen, not measured."""
SIDE_BLOCKS = 12
"""Blocks on each side of a step. Chosen, not measured."""
SMOOTHING = np.array([1.0, 2.0, 3.0, 2.0, 1.0])
"""Weights of neighbouring blocks, so that a low voice does not move their mean. Chosen, not
measured."""
MIN_SHARE = 0.05
"""Size of a step against the root mean square of the sound. Chosen, not measured."""
MIN_REFERENCE_SHARE = 0.02
"""The same where the reference was subtracted. Chosen, not measured."""
MIN_STEP = 0.001
"""Smaller steps are none. Chosen, not measured."""
SURE_SHARE = 0.4
"""Size of a step against the level of its louder side that no lopsided wave makes.

Measured on 330 real clips of 25 sources: lopsided voices 0.16 at most, bass notes 0.28. Margin: 0.12.
"""
MIN_SAME_LEVEL_SHARE = 0.12
"""The same where both sides are as loud. Chosen, not measured."""
MAX_LEVEL_CHANGE_DB = 5.0
"""Change of level up to which both sides are as loud.

Measured on 330 real clips of 25 sources: where the mean moved with the sound, the level changed by 6
dB at least. Margin: 1 dB.
"""
SUDDEN_SECONDS = 0.06
"""Before and after the place of a step, in which it has to be over. Chosen, not measured."""
MIN_SUDDEN_SHARE = 0.7
"""Of a step, that has to happen within that. Chosen, not measured."""
SCATTER = 4.0
"""How many times the scatter of its sides a step has to be. Chosen, not measured."""


def find_steps_of_mean(
    samples: NDArray[np.floating], rate: int, least: float
) -> list[tuple[float, float]]:
    """Time in seconds and size of every step of the mean."""
    size = max(int(BLOCK_SECONDS * rate), 8)
    means = samples[: len(samples) // size * size].reshape(-1, size).mean(axis=1, dtype=np.float64)
    if len(means) < 2 * SIDE_BLOCKS:
        return []
    means = np.convolve(means, SMOOTHING / SMOOTHING.sum(), mode="valid")
    if len(means) <= 2 * SIDE_BLOCKS + len(SMOOTHING):
        return []
    windows = np.lib.stride_tricks.sliding_window_view(means, SIDE_BLOCKS)
    medians = np.median(windows, axis=1)
    scatter = np.percentile(windows, 90, axis=1) - np.percentile(windows, 10, axis=1)
    apart = SIDE_BLOCKS + len(SMOOTHING)  # a smoothed step belongs to neither side
    size_of_step = medians[apart:] - medians[:-apart]
    around = np.maximum(scatter[apart:], scatter[:-apart])
    is_step = (np.abs(size_of_step) >= least) & (np.abs(size_of_step) >= SCATTER * around)
    steps: list[tuple[float, float]] = []
    for place in np.flatnonzero(is_step):
        near = size_of_step[max(place - SIDE_BLOCKS // 2, 0) : place + SIDE_BLOCKS // 2 + 1]
        if abs(size_of_step[place]) < np.abs(near).max():
            continue
        seconds = (place + SIDE_BLOCKS + len(SMOOTHING)) * BLOCK_SECONDS
        if not steps or seconds - steps[-1][0] > SIDE_BLOCKS * BLOCK_SECONDS:
            steps.append((float(seconds), float(size_of_step[place])))
    return steps


def is_no_sound(
    samples: NDArray[np.floating], rate: int, seconds: float, size_of_step: float
) -> bool:
    """Whether a step of the mean cannot come of the sound itself.

    The mean of a lopsided wave moves with its level: the level has to be the same on both sides, or
    the step larger than such a wave's mean.
    """
    place, width = int(seconds * rate), int(SIDE_BLOCKS * BLOCK_SECONDS * rate)
    sides = (samples[max(place - width, 0) : place], samples[place : place + width])
    levels = sorted(float(side.std(dtype=np.float64)) for side in sides if len(side))
    if len(levels) < 2:
        return False
    is_same_level = levels[0] * 10 ** (MAX_LEVEL_CHANGE_DB / 20) >= levels[1]
    share = abs(size_of_step) / max(levels[1], 1e-9)
    if share < SURE_SHARE and not (is_same_level and share >= MIN_SAME_LEVEL_SHARE):
        return False
    return is_sudden(samples, rate, seconds, size_of_step)


def is_sudden(
    samples: NDArray[np.floating], rate: int, seconds: float, size_of_step: float
) -> bool:
    """Whether a step is over within `SUDDEN_SECONDS`: a bass note takes a period for it."""
    place = int(seconds * rate)
    near, far = int(SUDDEN_SECONDS * rate), int(2 * SUDDEN_SECONDS * rate)
    before = samples[max(place - far, 0) : max(place - near, 0)]
    after = samples[place + near : place + far]
    if not len(before) or not len(after):
        return False
    change = float(after.mean(dtype=np.float64) - before.mean(dtype=np.float64))
    return change / size_of_step >= MIN_SUDDEN_SHARE


def check(subject: SoundSubject) -> Iterable[Finding]:
    analysis = subject.analysis
    residual = find_residual(subject)
    if residual is None:
        least = max(MIN_SHARE * analysis.rms, MIN_STEP)
        steps = find_steps_of_mean(analysis.voice, analysis.sample_rate, least)
    else:
        least = max(MIN_REFERENCE_SHARE * analysis.rms, MIN_STEP)
        steps = find_steps_of_mean(residual.rough, residual.rate, least)
    if not steps:
        return
    is_sure = residual is not None or (
        is_voice(subject)
        and any(is_no_sound(analysis.voice, analysis.sample_rate, *step) for step in steps)
    )
    largest = max((abs(size) for _, size in steps), default=0.0)
    yield Finding(
        CODE,
        NAME,
        Severity.WARNING if is_sure else Severity.INFO,
        (subject.recording.name,),
        f"the constant under the sound makes {format_count(len(steps), 'step')}, of {largest:.3g} "
        f"at most ({largest / max(analysis.rms, 1e-9):.0%} of the sound)",
        confidence=0.85,
        evidence={"steps": [[round(a, 2), float(f"{b:.3g}")] for a, b in steps[:20]]},
        times=tuple((round(a, 4), round(a + BLOCK_SECONDS, 4)) for a, _ in steps[:50]),
        rank=32,
    )
