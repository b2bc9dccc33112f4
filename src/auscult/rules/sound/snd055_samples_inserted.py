"""Samples were put in between stretches that the reference has without them.

**What it finds.** Places at which the recording has samples more than the reference: how many,
where, and with which period.

**What you hear.** Clicks or short gaps, many times a second a roughness; the whole gets longer.

**Why it happens.** A player that starts every chunk too late and fills the wait with zeros; the
header of every chunk of a stream played as samples; overlap between chunks that is not cut off.

**What makes this sound.** Something that is no sound was written between the chunks.

**Example.** Wrong and right:

```python
out.write(chunk.getvalue())       # wrong: every chunk is a whole WAV file, 44 bytes of it header
out.write(chunk.getvalue()[44:])  # right: only the first one keeps its header
```

**Blind spots.** What was inserted into silence. Of repeated sounds, which period it was.

**How it is measured.** Pieces of 24 ms are followed through the recording; where they lie later
than before by 3 samples or more, and the pieces around are copies (correlation of first differences
0.95), samples were put in. A drifting clock moves pieces by a sample at a time and is `lag`.

**Fix.** Write the samples of the chunks only.

**References.** remsky/Kokoro-FastAPI 463 and 467, cloudflare/agents 1736.
"""

from __future__ import annotations

from collections.abc import Iterable

from auscult.finding import Finding
from auscult.rules.sound._steps import iter_step_findings
from auscult.rules.sound.subject import SoundSubject

CODE = "SND055"
NAME = "samples-inserted"
REQUIRES = SoundSubject
EVIDENCE = "reference"
EXTENT = "whole"
EXPLAINS = (
    *("lag", "time-stretch", "sample-rate-label", "sample-rate-suspected", "frames-shuffled"),
    *("phase-metallic", "mel-definition", "truncated-sound", "padded-sound", "unexplained", "gain"),
)
WRITING = "write the samples of every chunk without its header, and without waiting between them"


def check(subject: SoundSubject) -> Iterable[Finding]:
    return iter_step_findings(subject, CODE, NAME, inserted=True)
