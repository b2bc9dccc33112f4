"""The level jumps from one stretch to the next, against the reference.

**What it finds.** Stretches that are louder or quieter than the reference by different amounts.

**What you hear.** One sentence is louder than the next; a word that is suddenly quiet.

**Why it happens.** Every sentence or chunk is normalised by itself; a gain that is predicted per
chunk; a limiter that recovers slowly.

**What makes this sound.** The factor on the samples is another one in every chunk.

**Example.** Wrong and right:

```python
out = [chunk / np.abs(chunk).max() for chunk in chunks]  # wrong: every chunk by its own peak
out = np.concatenate(chunks) / peak                      # right: one factor for all
```

**Blind spots.** Without a reference nobody can say which level was meant. Jumps within 0.2 s.

**How it is measured.** The level against the reference in blocks of 0.1 s, each correlated with its
counterpart to `MIN_CORRELATION` = 0.9 in the middle, smoothed over five. Reported where it moves by
`MIN_RANGE_DB` = 3 dB, does not follow a line (that is `fade`), and does not follow the loudness of
the reference (that is a limiter or an expander). Opus, Vorbis, MP3 and mu-law moved it by 1.0 dB at
most on a voice and on music.

**Fix.** None that is exact; the evidence has the level of every stretch.

**References.** mkiol/dsnote 207, fishaudio/Bert-VITS2 144.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from auscult.finding import Finding, Severity
from auscult.rules.sound._related import find_residual
from auscult.rules.sound.subject import SoundSubject
from auscult.sound.residual import LEVEL_SECONDS, LevelTrack, Residual

CODE = "SND057"
NAME = "level-jump"
REQUIRES = SoundSubject
EVIDENCE = "reference"
EXTENT = "whole"
EXPLAINS = ("gain", "unexplained", "click", "mel-definition", "lag")
WRITING = "scale all chunks by one factor, not each by its own peak or loudness"
MIN_RANGE_DB = 3.0
"""Between the quiet and the loud blocks, against the reference.

Measured on Opus, Vorbis, MP3 and mu-law of a voice and music: 1.0 dB at most. Margin: 2 dB.
"""
MIN_JUMP_DB = 2.0
"""Change between neighbouring stretches that counts as a jump. Chosen, not measured."""
MIN_CORRELATION = 0.9
"""Of the blocks with their counterparts, median, for their level to mean anything.

Measured on an echo as loud as the sound: 0.62 and 0.78. Margin: 0.12.
"""
MAX_FOLLOWS = 0.7
"""Correlation of the level with the reference's loudness, above which it is a limiter or an
expander.

Chosen, not measured.
"""
LINE_SHARE = 0.35
"""Share of the level's spread that a line may leave where it is a fade. Chosen, not measured."""
STRETCH_BLOCKS = 3
"""Blocks before and after a jump whose median is its level. Chosen, not measured."""


def find_level_changes(residual: Residual) -> LevelTrack | None:
    """The level over time where it changes, and not with the loudness; else None."""
    track = residual.level_track
    if track.range_db < MIN_RANGE_DB or float(np.median(track.correlations)) < MIN_CORRELATION:
        return None
    size = max(int(LEVEL_SECONDS * residual.rate), 16)
    starts = ((track.seconds * residual.rate) - size / 2).astype(int)
    loudness = [float(np.square(residual.reference[s : s + size]).sum()) for s in starts]
    follows = np.corrcoef(10 * np.log10(np.array(loudness) + 1e-20), track.decibels)[0, 1]
    if not abs(follows) < MAX_FOLLOWS:
        return None
    return track


def fit_fade(track: LevelTrack) -> tuple[float, float]:
    """Change from beginning to end along a line in dB, and the share of the spread that it leaves."""
    slope, start = np.polyfit(track.seconds, track.smooth, 1)
    left = track.smooth - start - slope * track.seconds
    spread = float(track.smooth.std())
    return float(slope * np.ptp(track.seconds)), float(left.std() / max(spread, 1e-9))


def find_jumps(track: LevelTrack) -> list[tuple[float, float]]:
    """Time in seconds and size in dB of each jump."""
    level = track.smooth
    changes = np.zeros(len(level))
    for place in range(1, len(level)):
        before = np.median(level[max(place - STRETCH_BLOCKS, 0) : place])
        changes[place] = np.median(level[place : place + STRETCH_BLOCKS]) - before
    jumps: list[tuple[float, float]] = []
    for place in np.flatnonzero(np.abs(changes) >= MIN_JUMP_DB).tolist():
        near = np.abs(changes[max(place - STRETCH_BLOCKS, 0) : place + STRETCH_BLOCKS + 1])
        if abs(changes[place]) == near.max():
            seconds = (track.seconds[place - 1] + track.seconds[place]) / 2
            if not jumps or seconds - jumps[-1][0] > STRETCH_BLOCKS * LEVEL_SECONDS:
                jumps.append((float(seconds), float(changes[place])))
    return jumps


def check(subject: SoundSubject) -> Iterable[Finding]:
    residual = find_residual(subject)
    track = None if residual is None else find_level_changes(residual)
    if track is None or fit_fade(track)[1] <= LINE_SHARE:
        return
    jumps = find_jumps(track)
    if not jumps:
        return
    place, size = max(jumps, key=lambda jump: abs(jump[1]))
    yield Finding(
        CODE,
        NAME,
        Severity.ERROR,
        (subject.recording.name,),
        f"the level jumps against the reference, by {track.range_db:.1f} dB in all; most at "
        f"{place:.2f} s, {abs(size):.1f} dB {'louder' if size > 0 else 'quieter'}",
        confidence=0.9,
        evidence={
            "range_db": round(track.range_db, 2),
            "jumps": [[round(a, 2), round(b, 2)] for a, b in jumps[:20]],
        },
        times=tuple((round(a, 4), round(a + 0.05, 4)) for a, _ in jumps[:50]),
        rank=30,
    )
