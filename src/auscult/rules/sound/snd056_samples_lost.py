"""Samples of the reference are missing between stretches that the recording has.

**What it finds.** Places at which the recording has fewer samples than the reference: how many,
where, and with which period.

**What you hear.** Clicks, syllables that are cut short, a voice that hurries.

**Why it happens.** A crossfade between chunks that eats its own length; the tail of every chunk
dropped; packets that were lost and not filled; a stateful decoder that swallows its first frames.

**What makes this sound.** Pieces of the output never reach the file.

**Example.** Wrong and right:

```python
out = np.concatenate([chunk[:-overlap] for chunk in chunks])  # wrong: nothing overlaps here
out = np.concatenate(chunks)                                  # right
```

**Blind spots.** What is missing at the ends is `truncated-sound`. Silence that was shortened.

**How it is measured.** As for `samples-inserted`: pieces of 24 ms that are copies and come earlier
than those before them, by 3 samples or more.

**Fix.** None in the sound: what is missing is not there.

**References.** vllm-omni issue 4706 (1.2 % of the time, by tails dropped per chunk).
"""

from __future__ import annotations

from collections.abc import Iterable

from auscult.finding import Finding
from auscult.rules.sound._steps import iter_step_findings
from auscult.rules.sound.subject import SoundSubject

CODE = "SND056"
NAME = "samples-lost"
REQUIRES = SoundSubject
EVIDENCE = "reference"
EXTENT = "whole"
EXPLAINS = (
    *("lag", "time-stretch", "sample-rate-label", "sample-rate-suspected", "frames-shuffled"),
    *("phase-metallic", "mel-definition", "truncated-sound", "padded-sound", "unexplained", "gain"),
)
WRITING = "write every chunk whole; a crossfade needs chunks that overlap by its length"


def check(subject: SoundSubject) -> Iterable[Finding]:
    return iter_step_findings(subject, CODE, NAME, inserted=False)
