"""Values that are no numbers: NaN or infinity among the samples.

**What it finds.** Any sample that is not finite. Only floating-point files can hold one; what wrote
them as integers made zeros or full scale of them, and then `silence`, `dropouts` or `clipping` is
found.

**What you hear.** Clicks, a sound that stops, or nothing: every player does something else.

**Why it happens.** An overflow in half precision, a division by zero, a logarithm of zero, a model
whose weights hold NaN.

**What makes this sound.** One operation overflowed, and everything behind it is lost: NaN or Inf
stands among the samples.

**Example.** Wrong and right:

```python
magnitude = torch.sqrt(power)             # wrong in float16: power overflows above 65,504
magnitude = torch.sqrt(power.float())     # right: the square in float32
assert torch.isfinite(magnitude).all()
```

**Blind spots.** None.

**How it is measured.** Exactly: there is no threshold, and no false alarm.

**Fix.** None in the sound. `auscult inspect CHECKPOINT --full` says whether the weights are finite,
`auscult compare` in which layer the first NaN appears.

**References.** jundot/omlx issue 2934: an activation overflows in float16, and a server delivers
silence with status 200.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from auscult.facts.words import format_count
from auscult.finding import Finding, Severity
from auscult.rules.sound._times import join_into_spans
from auscult.rules.sound.subject import SoundSubject
from auscult.rules.suspects import Suspect

CODE = "SND003"
NAME = "non-finite-sound"
REQUIRES = SoundSubject
EVIDENCE = "nothing"
EXTENT = "anywhere"
EXPLAINS = (
    "click",
    "unexplained",
    "silence",
    "dropouts",
    "padded-sound",
    "frame-seams",
    "clipping",
    "buzz",
    "flat-mel",
    "noise",
)
FOLLOWS = True
SUSPECTS = (
    Suspect(("non-finite",), "the weights hold NaN or Inf already", needs="weights"),
    Suspect(
        ("precision-overflow", "precision-drift"),
        "an exponential or a square (Snake's, an attention's) overflows in half precision",
        needs="traces",
    ),
    Suspect(("lossy",), "a cast to a narrower format overflowed", needs="weights"),
)


def check(subject: SoundSubject) -> Iterable[Finding]:
    analysis = subject.analysis
    if analysis.is_finite:
        return
    places = np.flatnonzero(~analysis.finite.all(axis=0))
    nans = int(np.isnan(subject.recording.samples).sum())
    total = int((~analysis.finite).sum())
    yield Finding(
        CODE,
        NAME,
        Severity.ERROR,
        (subject.recording.name,),
        f"{format_count(total, 'sample')} of {analysis.finite.size:,} are no numbers ({nans:,} "
        f"NaN, {total - nans:,} infinite)",
        evidence={"samples": total, "nan": nans, "infinite": total - nans},
        times=join_into_spans(places, analysis.sample_rate),
        rank=1,
    )
