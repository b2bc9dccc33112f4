"""Recordings of a training that hold nothing, cannot be read, or would teach a fault.

**What it finds.** In a folder of recordings: files that cannot be read or are empty, hold NaN or silence, are
clipped, have a DC offset, or are written in the wrong order of bytes or channels.

**What you hear.** The model learns what it is given: clicks, hum, pauses where there should be speech. Or the
training ends hours later at one broken file.

**Why it happens.** Downloads that broke off, recorders that were overdriven, conversions with a wrong format.

**Example.** Wrong and right:

```console
$ auscult train codec --data recordings/ --flawed use     # wrong: silence and clipping are learnt
$ auscult train codec --data recordings/ --flawed skip    # right
```

**Blind spots.** What no rule of sound hears in a single recording. Segments of silence in recordings that have
sound elsewhere.

**How it is measured.** Every file is listened to as by `auscult listen`, and the errors among the causes of sound
count that a training cannot do with. No threshold of its own.

**Fix.** Leave these files out, or mend them. Safety: safe.

**References.** NVIDIA/waveglow issue 155 (silent segments).
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from auscult.finding import Finding, Fix, Severity
from auscult.rules.training._recordings_text import format_flawed, group_by_cause
from auscult.rules.training.subject import RecordingsSubject

CODE = "TRN032"
NAME = "flawed-recordings"
REQUIRES = RecordingsSubject


def check(subject: RecordingsSubject) -> Iterable[Finding]:
    if not subject.flawed:
        return
    folder = Path(subject.folder)
    yield Finding(
        CODE,
        NAME,
        Severity.ERROR,
        tuple(subject.flawed),
        f"{len(subject.flawed)} of {subject.heard} recordings would spoil the training:"
        f" {format_flawed(subject.flawed, folder)}",
        evidence=group_by_cause(subject.flawed, folder),
        fix=Fix("safe", "leave these files out, or mend them"),
        rank=13,
    )
