"""Held-out recordings are among those that are trained on.

**What it finds.** Files of the validation or test folder whose samples are also in a file that is trained on.

**What you hear.** Figures that are better than the sound: the model knows these recordings by heart.

**Why it happens.** A split that was made after files were copied; a list of training files that was written again.

**Example.** Wrong and right:

```console
$ cp recordings/*.wav train/ && cp recordings/00*.wav valid/     # wrong: in both
$ mv recordings/00*.wav valid/ && mv recordings/*.wav train/     # right
```

**Blind spots.** Other recordings of the same text or speaker. Copies that were resampled, cut, or coded with
loss.

**How it is measured.** Equal length, rate and channels, and a first second in which something sounds that is equal bit
for bit; one of the two files lies in the folder given with `--held-out`, or in one that is named
`valid`, `dev`, `test` and the like. No threshold.

**Fix.** Remove them from one of the two. Safety: safe.

**References.** None.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from auscult.finding import Finding, Fix, Severity
from auscult.rules.training._recordings_text import name_from
from auscult.rules.training.subject import RecordingsSubject

CODE = "TRN035"
NAME = "held-out-in-training"
REQUIRES = RecordingsSubject
MAX_NAMED = 5
"""Pairs that the message names. Chosen, not measured."""


def check(subject: RecordingsSubject) -> Iterable[Finding]:
    if not subject.leaked:
        return
    folder = Path(subject.folder)
    pairs = [f"{name_from(a, folder)} = {name_from(b, folder)}" for a, b in subject.leaked]
    more = f" and {len(pairs) - MAX_NAMED} more" if len(pairs) > MAX_NAMED else ""
    yield Finding(
        CODE,
        NAME,
        Severity.ERROR,
        tuple(path for path, _ in subject.leaked),
        f"{len(pairs)} held-out recordings are trained on as well: {', '.join(pairs[:MAX_NAMED])}{more}",
        fix=Fix("safe", "remove them from one of the two"),
        rank=15,
    )
