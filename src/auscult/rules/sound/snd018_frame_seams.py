"""Frames or chunks that do not join: a corner in the waveform at every multiple of the hop.

**What it finds.** Discontinuities at a fixed period. With the model's hop, at that; without, at the
usual hops (128 to 1,024), and at the period that fits best. With the length of the chunks, at their
borders.

**What you hear.** Flicker, a rattle under the voice, clicks once per chunk.

**Why it happens.** Frames rendered one by one without overlap, a window that does not add up to
one, a causal decoder whose state is not kept from chunk to chunk, a trim that is off by one.

**What makes this sound.** The frames or chunks are not joined as they were in training. Each border
leaves a click or a jump, at a fixed period.

**Example.** Wrong and right:

```python
samples = np.concatenate([vocoder(chunk) for chunk in chunks])  # wrong: every chunk starts anew

samples = vocoder(np.concatenate(chunks, axis=1))  # right: in one piece
```

**Blind spots.** A buzz has one corner per period as well, and is named so. Chunks of a second in a
file of a few: too few seams, and it says so. Seams that were faded over. A pattern over the whole
frame, as a trained vocoder leaves in its treble, is no seam.

**How it is measured.** Each second difference against its neighbourhood of 64 samples, log1p of the
ratio, folded at the period: the phase that stands out most, in standard errors of a phase (`MIN_Z`
= 6), by half of that above every other phase but its neighbours (`MIN_PROMINENCE` = 0.5), and by
two in at least `MIN_PERSISTENCE` = 0.6 of eight parts of the recording (0.75 where the period was
searched for). The bundled vocoder's sentences had a prominence of 0.38 at most, planted seams 0.52
at least. At chunk borders: the rank of the largest corner within 2 ms among those of the 50 ms
around; Fisher's sum of -2 ln p has to be beyond chance at `MAX_CHANCE` = 1e-4. False alarms: none
on 120 clean clips, 156 coded ones and 20 of the bundled vocoder that set no threshold.

**Fix.** None in the sound: overlap the frames, keep the state, or decode in one piece.

**References.** 0xShug0/audio.cpp issues 429, 436, 620 (clicks each 5.12 s and each 160 ms).
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from auscult.finding import Finding, Severity, Skip
from auscult.rules.sound.shared_suspects import OFF_TRAINING
from auscult.rules.sound.subject import SoundSubject
from auscult.rules.suspects import Suspect
from auscult.sound.folding import (
    FoldedSignal,
    find_likely_period,
    fold_series,
    measure_border_chance,
    measure_persistence,
)

CODE = "SND018"
NAME = "frame-seams"
REQUIRES = SoundSubject
EVIDENCE = "metadata"
EXTENT = "mostly"
EXPLAINS = ("phase-metallic", "noise", "imaging", "echo", "click")
FOLLOWS = True
SUSPECTS = (
    Suspect(
        ("padding-mode", "stride-padding", "istft-window", "istft-trim"),
        "every chunk is padded at its ends, so its edges are computed from zeros",
        needs="traces",
    ),
    Suspect(
        ("attention-mask", "position-offset"),
        "the state or position of the last chunk is not carried on to the next",
        needs="traces",
    ),
    Suspect(
        ("undetermined-by-weights",),
        "affine-free norms and strides cannot be seen in the weights",
        needs="reference-audio",
    ),
    OFF_TRAINING,
)
WRITING = "overlap the chunks by the receptive field and cross-fade, or carry the state on"
MIN_Z = 6.0
"""Standard errors by which one phase of the period stands out.

Measured on 120 clean clips, 156 coded ones and 20 of the bundled vocoder that set no threshold: no
false alarm of the rule. Margin: not recorded.
"""
MIN_Z_BLIND = 8.0
"""The same where the model's hop is not known.

Measured on 330 real clips of 25 sources: music of a tracker reaches 6.4. Margin: 1.6.
"""
MIN_PROMINENCE = 0.5
"""How much of that is above every other phase.

Measured on the bundled vocoder's sentences: 0.38 at most; planted seams: 0.52 at least. Margin:
0.12 and 0.02.
"""
MIN_PERSISTENCE = 0.6
"""Share of the parts of the recording in which the phase stands out.

Measured on 120 clean clips, 156 coded ones and 20 of the bundled vocoder that set no threshold: no
false alarm of the rule. Margin: not recorded.
"""
MIN_PERSISTENCE_BLIND = 0.75
"""The same where the period was searched for.

Measured on 120 clean clips, 156 coded ones and 20 of the bundled vocoder that set no threshold: no
false alarm of the rule. Margin: not recorded.
"""
MAX_CHANCE = 1e-4
"""How likely chance may be to put corners as sharp on the borders of the chunks.

Chosen, not measured.
"""
USUAL_HOPS = (128, 160, 200, 240, 256, 300, 320, 400, 441, 480, 512, 600, 640, 768, 882, 960, 1024)
SHORTEST_PERIOD, LONGEST_PERIOD = 64, 2048
"""Shortest and longest period that is searched, in samples. Chosen, not measured."""
MIN_SEAMS = 4
"""Borders of chunks below which nothing is said. Chosen, not measured."""


def check(subject: SoundSubject) -> Iterable[Finding | Skip]:
    corners, spread = subject.analysis.corners, subject.analysis.corner_spread
    if spread > 0:
        periods: tuple[int, ...] = (
            (subject.hop,)
            if subject.hop
            else (*USUAL_HOPS, find_likely_period(corners, SHORTEST_PERIOD, LONGEST_PERIOD))
        )
        min_z = MIN_Z if subject.hop else MIN_Z_BLIND
        folds = (fold_series(corners, period, spread) for period in periods)
        seam_folds = [
            folded for folded in folds if folded.z >= min_z and folded.prominence >= MIN_PROMINENCE
        ]
        best_fold = max(seam_folds, key=lambda folded: folded.z, default=None)
        min_persistence = MIN_PERSISTENCE if subject.hop else MIN_PERSISTENCE_BLIND
        if (
            best_fold is not None
            and (share := measure_persistence(corners, best_fold)) >= min_persistence
        ):
            yield _report_seams(subject, best_fold, share)
            return
    if subject.hop is None:
        yield Skip(
            subject.recording.name,
            "seams were looked for at the usual hops only: the model's hop is not known",
        )
    if subject.facts.chunk_seconds:
        yield from _check_borders(subject, subject.facts.chunk_seconds)


def _report_seams(subject: SoundSubject, folded: FoldedSignal, share: float) -> Finding:
    rate = subject.analysis.sample_rate
    hop_note = " (the model's hop)" if subject.hop == folded.period else ""
    return Finding(
        CODE,
        NAME,
        Severity.ERROR,
        (subject.recording.name,),
        f"a corner in the waveform every {folded.period} samples{hop_note}, "
        f"{rate / folded.period:.4g} times a second: "
        "the frames do not join",
        confidence=min(0.99, 0.6 + folded.z / 50),
        evidence={
            "period": folded.period,
            "z": round(folded.z, 2),
            "prominence": round(folded.prominence, 2),
            "phase": folded.phase + 1,
            "persistence": round(share, 2),
            "hop": subject.hop,
        },
        rank=16,
    )


def _check_borders(subject: SoundSubject, chunk_seconds: float) -> Iterable[Finding | Skip]:
    rate = subject.analysis.sample_rate
    places, chance = measure_border_chance(subject.analysis.second_difference, rate, chunk_seconds)
    if len(places) < MIN_SEAMS:
        yield Skip(
            subject.recording.name,
            f"{len(places)} borders of chunks are too few to tell a seam from chance; {MIN_SEAMS} "
            "are needed",
        )
    elif chance < MAX_CHANCE:
        yield Finding(
            CODE,
            NAME,
            Severity.ERROR,
            (subject.recording.name,),
            f"corners in the waveform at the borders of the chunks of {chunk_seconds:g} s",
            confidence=0.9,
            evidence={"chunk_seconds": chunk_seconds, "borders": len(places), "chance": chance},
            times=tuple(
                (round(float(place) / rate - 0.002, 4), round(float(place) / rate + 0.002, 4))
                for place in np.asarray(places)[:50]
            ),
            rank=16,
        )
