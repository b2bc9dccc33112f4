"""Pieces of the recording are copies of the reference, but at other places than their own.

**What it finds.** Frames or chunks in another order than the reference's.

**What you hear.** Stammering, syllables out of order, a flutter where the pieces are short.

**Why it happens.** A batch of chunks joined in another order; frames reshaped along the wrong axis;
overlap-add with indices out of step; packets played as they come.

**What makes this sound.** The right pieces were joined in the wrong order.

**Example.** Wrong and right:

```python
chunks = list(pool.imap_unordered(decode, parts))  # wrong: in the order in which they end
chunks = list(pool.imap(decode, parts))            # right: in the order of the parts
```

**Blind spots.** The pieces must be copies: an order that was mixed up before the vocoder gives new
waveforms. Pieces shorter than 3 ms. Sound that repeats itself exactly is alike at several places,
and counts as in its own.

**How it is measured.** Up to 60 pieces of the recording, of the shortest of several lengths that
are copies, are searched for in the whole reference; a correlation of first differences of 0.95 is a
copy. Reported when at least `MIN_DISPLACED` = 35 % of the pieces lie elsewhere: of a plucked string
that was only stretched in time, 25 % did, being alike in every period. Not where `MIN_IN_ORDER` =
90 % of them follow each other as in the reference: that is `samples-inserted` or `samples-lost`.

**Fix.** None in the sound, unless the order is known.

**References.** 0xShug0/audio.cpp 436, 620 (chunks and states of a streaming decoder).
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from auscult.finding import Finding, Severity
from auscult.rules.sound._related import has_sound
from auscult.rules.sound.subject import SoundSubject
from auscult.rules.suspects import Suspect
from auscult.sound.counterpart import PieceOrder, find_piece_order
from auscult.sound.recording import Recording
from auscult.sound.relation import mix_down

CODE = "SND047"
NAME = "frames-shuffled"
REQUIRES = SoundSubject
EVIDENCE = "reference"
EXTENT = "whole"
EXPLAINS = (
    *(
        "frame-seams",
        "phase-metallic",
        "lag",
        "truncated-sound",
        "padded-sound",
        "gain",
        "mel-definition",
        "buzz",
        "noise",
    ),
    *(
        "time-stretch",
        "sample-rate-label",
        "sample-rate-suspected",
        "flat-mel",
        "interleave",
        "imaging",
    ),
)
SUSPECTS = (
    Suspect(
        ("position-offset", "rope-convention", "skip-order", "attention-mask"),
        "attention sees positions that are not the frames' own",
        needs="traces",
    ),
    Suspect(
        ("layout-fortran",),
        "a row-major buffer read as column-major exchanges frames and channels",
        needs="weights",
    ),
)
WRITING = "join chunks in the order in which they were made"
MIN_DISPLACED = 0.35
"""Share of the pieces that have to lie elsewhere.

Measured on a plucked string that was only stretched in time: 0.25. Margin: 1.4.
"""
MIN_IN_ORDER = 0.9
"""Share of neighbouring displaced pieces that come in the reference's order, from which on they are
not shuffled.

Chosen, not measured.
"""
PIECES_SECONDS = (0.1, 0.03, 0.012, 0.005)
TOLERANCE_SECONDS = 0.002
"""How far from its own place a piece may lie. Chosen, not measured."""
MAX_SECONDS = 60.0
"""Longer recordings are judged by their first minute. Chosen, not measured."""
MAX_IN_ORDER = 0.9
"""Correlation of the aligned waveforms above which nothing is out of order.

Chosen, not measured.
"""


def check(subject: SoundSubject) -> Iterable[Finding]:
    if subject.reference is None or not has_sound(subject):
        return
    relation = subject.relation
    if relation.coherent and abs(relation.correlation) > MAX_IN_ORDER:
        return
    if relation.coherent:
        aligned_pair = (relation.aligned_recording, relation.aligned_reference)
    else:
        aligned_pair = None
    piece_order = measure(*(aligned_pair or subject.finite_pair))
    if piece_order.displaced < MIN_DISPLACED or is_in_order(piece_order):
        return
    yield Finding(
        CODE,
        NAME,
        Severity.ERROR,
        (subject.recording.name,),
        f"{piece_order.displaced:.0%} of its pieces are copies of the reference from other places "
        "than their own: out of order",
        confidence=min(0.99, 0.6 + piece_order.displaced / 2),
        evidence={
            "displaced": round(piece_order.displaced, 4),
            "copied": round(piece_order.copied, 4),
            "moves": [[round(float(a), 4), round(float(b), 4)] for a, b in piece_order.places[:10]],
        },
        times=tuple(
            (round(float(a), 4), round(float(a) + PIECES_SECONDS[-1], 4))
            for a in np.sort(piece_order.places[:20, 0])
        ),
        rank=11,
    )


def is_in_order(piece_order: PieceOrder) -> bool:
    """Whether the displaced pieces follow each other as in the reference: samples were put in or
    taken out, and nothing was exchanged.
    """
    places = piece_order.places[np.argsort(piece_order.places[:, 0])]
    steps = np.diff(places[:, 1])
    return bool(len(steps) and (steps > 0).mean() >= MIN_IN_ORDER)


def measure(recording: Recording, reference: Recording) -> PieceOrder:
    """The order by the length of piece that finds most copies elsewhere."""
    rate = reference.sample_rate
    candidate_samples = mix_down(recording.cut(MAX_SECONDS).resample(rate))
    reference_samples = mix_down(reference.cut(MAX_SECONDS))
    orders = (
        find_piece_order(candidate_samples, reference_samples, rate, seconds, TOLERANCE_SECONDS)
        for seconds in PIECES_SECONDS
    )
    return max(orders, key=lambda piece_order: piece_order.displaced)
