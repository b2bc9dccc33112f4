"""A burst at the very beginning or end that is no part of the sound.

**What it finds.** A short loud event in the first or last 70 ms, parted from the sound by a pause.

**What you hear.** A click, a thump or a hiss before the first word or behind the last.

**Why it happens.** A state that starts at the wrong value (mu-law index 0 is full scale, 128 is
silence); the last chunk padded with what lies in memory; a first frame that a model never learned.

**What makes this sound.** The first or the last frames are computed from a state or from padding
that is no silence.

**Example.** Wrong and right:

```python
state = np.zeros(order, np.uint8)     # wrong: 0 is the lowest level of mu-law
state = np.full(order, 128, np.uint8)  # right: silence
```

**Blind spots.** A consonant that begins or ends a word after a pause: the burst at the end has to be
as loud as the sound and stop at once, or be shorter than 5 ms. A key that is pressed at the end of a
real recording is told as well. Without a reference it is information unless the very first or last
samples are loud and the rest is a voice: a breath, a consonant or a key begins and ends softly, and a
drum begins at once.

**How it is measured.** Levels of 2 ms. At the start: sound in the first 4 ms, or a burst that a
pause of 0.15 s follows; at the end: a burst behind a pause of 60 ms. The pause has to lie
`MIN_DROP_DB` = 24 dB below the burst.

**Fix.** Safe: cut off what the times name.

**References.** QwenAudio/CosyVoice 1919, yl4579/StyleTTS2 276, k2-fsa/OmniVoice 256, kyutai-labs/pocket-tts
171, xiph/LPCNet 19.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from auscult.finding import Finding, Fix, Severity
from auscult.rules.sound._related import find_residual
from auscult.rules.sound._voice import is_voice
from auscult.rules.sound.subject import SoundSubject
from auscult.sound.relation import mix_down

CODE = "SND025"
NAME = "edge-burst"
REQUIRES = SoundSubject
EVIDENCE = "nothing"
EXTENT = "whole"
EXPLAINS = ("unexplained", "click", "noise-added")
WRITING = "start from the state of silence, and cut padding off before the last chunk is written"
BLOCK_SECONDS = 0.002
"""Length of a block. Chosen, not measured."""
EDGE_SECONDS = 0.07
"""How far from the edge a burst may end. Chosen, not measured."""
MIN_DROP_DB = 24.0
"""How far below the burst the pause has to lie. Chosen, not measured."""
SHORT_PAUSE_SECONDS = 0.03
"""Pause behind a burst that is there from the first sample on. Chosen, not measured."""
LONG_PAUSE_SECONDS = 0.15
"""Pause behind one that begins a little later. Chosen, not measured."""
END_PAUSE_SECONDS = 0.06
"""Pause before a burst at the end. Chosen, not measured."""
CONSTANT_SECONDS = 0.5
"""Beginning and end in whose quietest block the constant is measured that silence lies at: the mean of a
lopsided voice is none. Chosen, not measured."""
CONSTANT_BLOCK_SECONDS = 0.02
"""Length of that block. Chosen, not measured."""
PULSE_SECONDS = 0.005
"""A shorter burst is a pulse. Chosen, not measured."""
LOUD_SHARE = 0.5
"""Level of a burst at the end against the loud parts, where it is no pulse. Chosen, not measured."""
PULSE_SHARE = 0.2
"""Level of a pulse against the loud parts. Chosen, not measured."""
CUT_SHARE = 0.4
"""Level of the last 6 ms against the burst, where it stops at once. Chosen, not measured."""
AT_ONCE_SHARE = 0.5
"""Level of the first or last 4 ms against the loud parts, from which on a burst is a warning without a
reference. Chosen, not measured."""
MIN_LEVEL = 1e-3
"""Quieter bursts are not told. Chosen, not measured."""
MIN_SECONDS = 0.5
"""Shorter recordings are not looked at. Chosen, not measured."""


def measure_blocks(samples: NDArray[np.floating], rate: int) -> NDArray[np.float64]:
    """Root mean square of every `BLOCK_SECONDS`, [blocks]."""
    size = max(int(BLOCK_SECONDS * rate), 4)
    blocks = samples[: len(samples) // size * size].reshape(-1, size)
    return np.asarray(np.sqrt(np.square(blocks, dtype=np.float64).mean(axis=1)))


def find_start_burst(levels: NDArray[np.float64]) -> int | None:
    """Blocks that a burst at the start takes, or None."""
    edge, short, long = (
        round(s / BLOCK_SECONDS) for s in (EDGE_SECONDS, SHORT_PAUSE_SECONDS, LONG_PAUSE_SECONDS)
    )
    top = int(np.argmax(levels[:edge]))
    limit = levels[top] * 10 ** (-MIN_DROP_DB / 20)
    if levels[top] < MIN_LEVEL:
        return None
    quiet = np.flatnonzero(levels[top:] <= limit)
    if not len(quiet) or top + quiet[0] > edge:
        return None
    stop = top + int(quiet[0])
    starts_at_once = levels[:2].max() >= 0.5 * levels[top]
    pause = short if starts_at_once else long
    rest = levels[stop : stop + pause]
    if len(rest) < pause or rest.max() > 2 * limit:
        return None
    return stop if levels[stop:].max() > 4 * limit or starts_at_once else None


def find_end_burst(levels: NDArray[np.float64], loud: float) -> int | None:
    """Blocks that a burst at the end takes, or None."""
    edge, pause = (round(s / BLOCK_SECONDS) for s in (EDGE_SECONDS, END_PAUSE_SECONDS))
    back = levels[::-1]
    top = int(np.argmax(back[:edge]))
    limit = back[top] * 10 ** (-MIN_DROP_DB / 20)
    if back[top] < MIN_LEVEL:
        return None
    quiet = np.flatnonzero(back[top:] <= limit)
    if not len(quiet) or top + quiet[0] > edge:
        return None
    stop = top + int(quiet[0])
    rest = back[stop : stop + pause]
    if len(rest) < pause or rest.max() > 2 * limit:
        return None
    length = stop - int(np.flatnonzero(back > limit)[0])
    is_pulse = (
        length * BLOCK_SECONDS <= PULSE_SECONDS + BLOCK_SECONDS and back[top] > PULSE_SHARE * loud
    )
    is_cut = back[:3].min() > CUT_SHARE * back[top] and back[top] >= LOUD_SHARE * loud
    return stop if is_pulse or is_cut else None


def measure_constant(samples: NDArray[np.floating], rate: int) -> float:
    """The mean of the quietest block of [time] samples."""
    size = min(max(int(CONSTANT_BLOCK_SECONDS * rate), 8), len(samples))
    blocks = samples[: len(samples) // size * size].reshape(-1, size)
    return float(blocks[blocks.std(axis=1).argmin()].mean())


def find_bursts(samples: NDArray[np.floating], rate: int) -> tuple[int | None, int | None]:
    """Blocks that a burst at the start, and one at the end, takes; None where there is none."""
    size = int(CONSTANT_SECONDS * rate)
    from_start = measure_blocks(samples - measure_constant(samples[:size], rate), rate)
    from_end = measure_blocks(samples - measure_constant(samples[-size:], rate), rate)
    return find_start_burst(from_start), find_end_burst(
        from_end, float(np.percentile(from_end, 90))
    )


def is_loud_at_once(samples: NDArray[np.floating], rate: int) -> bool:
    """Whether the very first or the very last samples are as loud as the sound's loud parts, which a
    consonant or a breath at the edge of a recording is not.
    """
    levels = measure_blocks(samples, rate)
    edge = max(levels[:2].max(), levels[-2:].max())
    return bool(edge >= AT_ONCE_SHARE * np.percentile(levels, 90))


def _drop_those_of_reference(
    subject: SoundSubject, start: int | None, end: int | None
) -> tuple[int | None, int | None]:
    """The bursts without those that the reference has as well."""
    reference = subject.finite_pair[1]
    samples = mix_down(reference)
    if reference.seconds < MIN_SECONDS:
        return start, end
    own = find_bursts(samples - samples.mean(), reference.sample_rate)
    return (start if own[0] is None else None), (end if own[1] is None else None)


def check(subject: SoundSubject) -> Iterable[Finding]:
    analysis = subject.analysis
    if analysis.seconds < MIN_SECONDS:
        return
    start, end = find_bursts(analysis.voice, analysis.sample_rate)
    if subject.reference is not None:
        start, end = _drop_those_of_reference(subject, start, end)
    spans: list[tuple[float, float]] = []
    if start is not None:
        spans.append((0.0, round(start * BLOCK_SECONDS, 4)))
    if end is not None:
        spans.append((round(analysis.seconds - end * BLOCK_SECONDS, 4), round(analysis.seconds, 4)))
    if not spans:
        return
    parts = []
    if start is not None:
        parts.append(f"the first {1000 * spans[0][1]:.0f} ms")
    if end is not None:
        parts.append(f"the last {1000 * (spans[-1][1] - spans[-1][0]):.0f} ms")
    if find_residual(subject) is not None:
        severity = Severity.ERROR
    elif is_loud_at_once(analysis.voice, analysis.sample_rate) and is_voice(subject):
        severity = Severity.WARNING
    else:
        severity = Severity.INFO
    yield Finding(
        CODE,
        NAME,
        severity,
        (subject.recording.name,),
        f"a burst in {' and in '.join(parts)}, parted from the sound by a pause",
        confidence=0.8,
        evidence={"start": start is not None, "end": end is not None},
        fix=Fix("safe", "Cut it off."),
        times=tuple(spans),
        rank=21,
    )
