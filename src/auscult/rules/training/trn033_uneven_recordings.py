"""Recordings of a training that are unlike the others: another sample rate, a band limit, one side only.

**What it finds.** In a folder of recordings: files below the sample rate of the training (or, where that is not
known, at another one than most), files whose upper band is empty, with one dead channel, or a wrong
header.

**What you hear.** Dull speech now and then: a model that has learnt that some sounds have no treble.

**Why it happens.** Telephone recordings, MP3 files of a low rate, files that were resampled upwards; stereo of which
one side was recorded.

**Example.** Wrong and right:

```console
$ sox phone_8k.wav -r 24000 train/a.wav        # wrong: 24 kHz in name alone
$ cp studio_48k.wav train/a.wav                # right: it is resampled downwards
```

**Blind spots.** Where all files are so, it may be meant: the count says so.

**How it is measured.** The warnings of `auscult listen` for each file, and the sample rate of its header. No threshold
of its own.

**Fix.** Leave these files out, or train at their rate. Safety: guess.

**References.** None.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from auscult.finding import Finding, Fix, Severity
from auscult.rules.training._recordings_text import format_flawed, group_by_cause
from auscult.rules.training.subject import RecordingsSubject

CODE = "TRN033"
NAME = "uneven-recordings"
REQUIRES = RecordingsSubject


def check(subject: RecordingsSubject) -> Iterable[Finding]:
    causes_by_path = {path: list(causes) for path, causes in subject.notable.items()}
    for path, rate in subject.other_rates.items():
        causes_by_path.setdefault(path, []).append(f"at {rate} Hz")
    if not causes_by_path:
        return
    folder = Path(subject.folder)
    yield Finding(
        CODE,
        NAME,
        Severity.WARNING,
        tuple(causes_by_path),
        f"{len(causes_by_path)} of {subject.heard} recordings are worth a look:"
        f" {format_flawed(causes_by_path, folder)}",
        evidence=group_by_cause(causes_by_path, folder),
        fix=Fix("guess", "leave these files out, or train at their rate"),
        rank=33,
    )
