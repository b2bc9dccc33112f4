"""The recording takes longer or shorter than the reference at the same pitch.

**What it finds.** Content that is scaled in time while its pitch stays.

**What you hear.** Somebody who speaks too fast or too slowly, in their own voice.

**Why it happens.** Durations predicted in another unit; a mel with another hop than the vocoder's;
frames repeated or left out (upsampling by the wrong factor before the vocoder); a mel resized in
time.

**What makes this sound.** The same time is rendered with another number of frames. It is too fast
or too slow at the right pitch.

**Example.** Wrong and right:

```python
mel = compute_mel(recording, hop=300)  # wrong: the vocoder writes 256 samples per frame
mel = compute_mel(recording, hop=256)  # right
```

**Blind spots.** A tempo that changes from word to word is another rendering. Steady sounds have no
time to be stretched.

**How it is measured.** As for `sample-rate-label`, on one frequency axis, the best once more on
frames every 5 ms. Reported at a correlation of 0.5 and 0.1 above that at the same speed (less where
the durations say the same), from `MIN_STRETCH` = 1 % on.

**Fix.** None in the sound. Compare the hop of the mel with the vocoder's.

**References.** vllm-omni issue 4706 (1.2 % by tails dropped per chunk).
"""

from __future__ import annotations

from collections.abc import Iterable

from auscult.finding import Finding, Severity
from auscult.rules.sound._related import find_relation
from auscult.rules.sound._steps import find_spliced
from auscult.rules.sound.shared_suspects import OFF_TRAINING
from auscult.rules.sound.subject import SoundSubject
from auscult.rules.suspects import Suspect
from auscult.sound.relation import MIN_STRETCH
from auscult.sound.splices import SpliceStretch

CODE = "SND041"
NAME = "time-stretch"
REQUIRES = SoundSubject
EVIDENCE = "reference"
EXTENT = "whole"
EXPLAINS = (
    "truncated-sound",
    "padded-sound",
    "lag",
    "phase-metallic",
    "mel-definition",
    "gain",
    "frame-seams",
    "frames-shuffled",
    "unexplained",
    "not-same-content",
)
SUSPECTS = (
    Suspect(
        ("upsample-mode", "stride-padding", "mel-definition", "time-embedding-scale"),
        "another hop or stride gives another number of samples per frame",
        needs="traces",
    ),
    Suspect(
        ("undetermined-by-weights",),
        "the product of the strides is not in the weights",
        needs="reference-audio",
    ),
    OFF_TRAINING,
)


def check(subject: SoundSubject) -> Iterable[Finding]:
    spliced = find_spliced(subject)
    if spliced is not None:
        yield _report_splices(subject, spliced)
        return
    relation = find_relation(subject)
    if relation is None or abs(relation.time_stretch - 1.0) < MIN_STRETCH:
        return
    stretch = relation.time_stretch
    yield Finding(
        CODE,
        NAME,
        Severity.ERROR,
        (subject.recording.name,),
        f"takes {stretch:.3f} times as long as the reference at the same pitch: too "
        f"{'slow' if stretch > 1 else 'fast'}",
        confidence=min(0.95, 0.4 + 0.6 * relation.rate_correlation),
        evidence={
            "stretch": round(stretch, 4),
            "correlation": round(relation.rate_correlation, 4),
            "seconds": round(relation.recording_seconds, 4),
            "reference_seconds": round(relation.reference_seconds, 4),
        },
        rank=7,
    )


def _report_splices(subject: SoundSubject, spliced: SpliceStretch) -> Finding:
    return Finding(
        CODE,
        NAME,
        Severity.ERROR,
        (subject.recording.name,),
        f"takes {spliced.factor:.3f} times as long as the reference at the same pitch, spliced at "
        f"{spliced.joins} places: too {'slow' if spliced.factor > 1 else 'fast'}",
        confidence=0.9,
        evidence={"stretch": round(spliced.factor, 4), "joins": spliced.joins},
        rank=7,
    )
