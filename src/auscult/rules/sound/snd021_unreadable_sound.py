"""A file that cannot be read as sound.

**What it finds.** Files that libsndfile refuses, that hold no samples, or that are not there.

**What you hear.** Nothing: no program plays it.

**Why it happens.** A write that was cut short, a header without data, text or a checkpoint under
the name of a sound, a format that libsndfile does not know (M4A, AAC, WMA).

**Example.** Wrong and right:

```python
pathlib.Path("out.wav").write_bytes(samples.tobytes())  # wrong: there is no header
soundfile.write("out.wav", samples, 24000)              # right
```

**Blind spots.** Headerless PCM under a suffix that says something else.

**How it is measured.** By reading it.

**Fix.** Write it again; convert with ffmpeg where the format is the matter.

**References.** libsndfile's list of formats.
"""

from __future__ import annotations

from collections.abc import Iterable

from auscult.finding import Finding, Severity
from auscult.rules.sound.subject import UnreadableSubject

CODE = "SND021"
NAME = "unreadable-sound"
REQUIRES = UnreadableSubject
EVIDENCE = "nothing"
EXTENT = "whole"
EXPLAINS = ()


def check(subject: UnreadableSubject) -> Iterable[Finding]:
    yield Finding(CODE, NAME, Severity.ERROR, (subject.path,), subject.reason, rank=0)
