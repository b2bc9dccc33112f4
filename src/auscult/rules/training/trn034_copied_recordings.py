"""Recordings of a training that are there twice.

**What it finds.** In a folder of recordings: files with the samples of another one, under another name or in another
container.

**What you hear.** Nothing. What is there often counts more than the rest.

**Why it happens.** Folders that were joined; the same download in two formats.

**Example.** Wrong and right:

```console
$ cp more/*.wav recordings/        # wrong where more/ holds files that are there already
$ cp -n more/*.wav recordings/     # right for files of equal names
```

**Blind spots.** Copies that were resampled, cut, or coded with loss are others.

**How it is measured.** Equal length, rate and channels, and a first second in which something sounds that is equal bit
for bit. No threshold.

**Fix.** Remove the copies. Safety: safe.

**References.** None.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from auscult.finding import Finding, Fix, Severity
from auscult.rules.training._recordings_text import name_from
from auscult.rules.training.subject import RecordingsSubject

CODE = "TRN034"
NAME = "copied-recordings"
REQUIRES = RecordingsSubject
MAX_NAMED = 5
"""Copies that the message names. Chosen, not measured."""


def check(subject: RecordingsSubject) -> Iterable[Finding]:
    leaked = {path for pair in subject.leaked for path in pair}
    copies = {path: first for path, first in subject.copies.items() if path not in leaked}
    if not copies:
        return
    folder = Path(subject.folder)
    pairs = [f"{name_from(a, folder)} = {name_from(b, folder)}" for a, b in copies.items()]
    more = f" and {len(pairs) - MAX_NAMED} more" if len(pairs) > MAX_NAMED else ""
    yield Finding(
        CODE,
        NAME,
        Severity.WARNING,
        tuple(copies),
        f"{len(copies)} of {subject.count} recordings are copies of others:"
        f" {', '.join(pairs[:MAX_NAMED])}{more}",
        fix=Fix("safe", "remove the copies"),
        rank=36,
    )
