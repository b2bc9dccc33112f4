"""A wrong sample rate: the reference played too fast and too high, or too slow and too low.

**What it finds.** Content that is scaled in time and pitch by one ratio, and the pair of standard
rates with that ratio.

**What you hear.** A chipmunk, or slow motion in a deep voice.

**Why it happens.** The file's header (or the player) has another rate than the samples: 24,000 Hz
samples written as 44,100, a vocoder's own rate forgotten, a resampling left out or done twice.

**What makes this sound.** The samples have another rate than the file says. They play too fast and
too high, or too slow and too low.

**Example.** Wrong and right:

```python
soundfile.write("out.wav", samples, 22050)  # wrong: the samples have 16,000 Hz
soundfile.write("out.wav", samples, 16000)  # right
```

**Blind spots.** Speech in other words than the reference's is another rendering, which no ratio
describes. Two rates with the same ratio (48,000 / 24,000 and 32,000 / 16,000) cannot be told apart
by ear; the recording's own label decides which is named.

**How it is measured.** Spectrograms on a logarithmic frequency axis are correlated at every ratio
from 1/2.6 to 2.6 and every lag; the best is confirmed on the waveforms, to a millionth where they
agree. Reported at a correlation of `MIN_CORRELATION` = 0.5 and 0.1 above that at the same speed. Of
36 planted ones (speech, music and instruments at six ratios of standard rates, `corpus/sound`) all
were named.

**Fix.** Label the samples with their own rate, or resample them to the label's. Nothing else is
lost.

**References.** Blaizzy/mlx-audio PR 293 (24,000 for 44,100 Hz); ronliwag/tool (16,000 as 22,050
Hz).
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import permutations

from auscult.facts.sample_rates import STANDARD_RATES
from auscult.finding import Finding, Fix, Severity, Skip
from auscult.rules.sound._related import MIN_CORRELATION, has_sound
from auscult.rules.sound.subject import SoundSubject
from auscult.rules.suspects import Suspect
from auscult.sound.relation import Relation

CODE = "SND040"
NAME = "sample-rate-label"
REQUIRES = SoundSubject
EVIDENCE = "reference"
EXTENT = "whole"
EXPLAINS = (
    *(
        "sample-rate-suspected",
        "truncated-sound",
        "padded-sound",
        "band-limited",
        "gain",
        "lag",
        "pre-emphasis",
        "buzz",
    ),
    *("mel-definition", "imaging", "phase-metallic", "time-stretch", "frame-seams"),
)
SUSPECTS = (
    Suspect(
        ("mel-definition", "transform-invented"),
        "features computed at another sample rate than the model's make it speak faster or slower",
        needs="reference-audio",
    ),
)
WRITING = "write the file with the sample rate that the model was trained at; do not resample"
MAX_OFF_PAIR = 0.005
"""Relative distance of the ratio from that of two standard rates, up to which they are named.

Chosen, not measured.
"""


def find_standard_pair(ratio: float, label: int) -> tuple[int, int] | None:
    """(label, true) rates whose ratio is nearest to the one measured; the recording's own label
    before others.
    """
    near_pairs = [
        pair
        for pair in permutations(STANDARD_RATES, 2)
        if abs(pair[0] / pair[1] / ratio - 1) <= MAX_OFF_PAIR
    ]
    return min(
        near_pairs,
        key=lambda pair: (pair[0] != label, abs(pair[0] / pair[1] / ratio - 1), pair[0]),
        default=None,
    )


def check(subject: SoundSubject) -> Iterable[Finding | Skip]:
    if subject.reference is None or not has_sound(subject):
        return
    relation = subject.relation
    if not relation.coherent and relation.rate_correlation < MIN_CORRELATION:
        yield Skip(
            subject.recording.name,
            "nothing was compared in time: it is not the reference's content (correlation "
            f"{relation.rate_correlation:.2f})",
        )
        return
    if relation.rate_ratio != 1.0:
        yield _report_ratio(subject, relation)


def _report_ratio(subject: SoundSubject, relation: Relation) -> Finding:
    ratio, label = relation.rate_ratio, subject.recording.sample_rate
    pair = find_standard_pair(ratio, label)
    true_rate = round(label / ratio)
    if pair and pair[0] == label:
        true_rate = pair[1]
        pair_note = f"{true_rate} Hz samples labelled {label} Hz"
    elif pair:
        pair_note = (
            f"{pair[1]} Hz samples were labelled {pair[0]} Hz and then resampled to {label} Hz, "
            f"or these are {true_rate} Hz samples"
        )
    else:
        pair_note = f"{true_rate} Hz samples, which is no standard rate, labelled {label} Hz"
    return Finding(
        CODE,
        NAME,
        Severity.ERROR,
        (subject.recording.name,),
        f"runs {ratio:.4f} times as fast and as high as the reference: {pair_note}",
        confidence=0.99 if relation.coherent else min(0.95, 0.4 + 0.6 * relation.rate_correlation),
        evidence={
            "ratio": round(ratio, 6),
            "correlation": round(relation.rate_correlation, 4),
            "label": label,
            "true_rate": true_rate,
            "pair": list(pair) if pair else None,
        },
        fix=Fix(
            "safe",
            f"Label the samples {true_rate} Hz.",
            code=f"soundfile.write(path, samples, {true_rate})",
        ),
        rank=5,
    )
