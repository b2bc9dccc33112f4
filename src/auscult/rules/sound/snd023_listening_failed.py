"""Listening stopped at this file by an error of auscult's own.

**What it finds.** A file at which a rule, or what it measures with, raised an error. The other files
of a folder are listened to all the same.

**What you hear.** Nothing is known of it: the file was not looked at to the end.

**Why it happens.** A defect of auscult, brought out by samples or a header of a kind that no test
has.

**Example.** Wrong and right:

```python
for path in folder:
    report(listen(path))  # wrong: the first file that fails hides all others

for path in folder:
    report(listen_or_name_the_failure(path))  # right
```

**Blind spots.** Too little memory, or a process that was ended from outside, still ends the run.

**How it is measured.** The error is caught where one file's rules end. The verdict is INCONCLUSIVE,
not PASS, unless another file is defective.

**Fix.** None in the sound. Report the error that the message names.
"""

from __future__ import annotations

from collections.abc import Iterable

from auscult.finding import Finding, Severity
from auscult.rules.sound.subject import FailedSubject

CODE = "SND023"
NAME = "listening-failed"
REQUIRES = FailedSubject
EVIDENCE = "nothing"
EXTENT = "whole"
EXPLAINS = ()
UNDECIDED = True


def check(subject: FailedSubject) -> Iterable[Finding]:
    yield Finding(
        CODE,
        NAME,
        Severity.WARNING,
        (subject.path,),
        f"listening stopped by {subject.reason} ({subject.place}), a defect of auscult: please "
        "report it; nothing is known of this file",
        evidence={"error": subject.reason, "place": subject.place},
        rank=1,
    )
