"""Books of a trained codec have one code in use.

**What it finds.** A codec that `train` has trained, in which a book chooses the same code for every
frame of the held-out recordings: it carries no bits.

**What you hear.** A coarser sound than the bit rate allows.

**Why it happens.** Codes that start far from the latents, and nothing that brings unused ones back; an
encoder whose output no longer varies.

**Example.** Wrong and right:

```console
$ auscult train codec --data recordings/ --set dead_share=0       # wrong: unused codes stay where they are
$ auscult train codec --data recordings/ --set dead_share=0.15    # right
```

**Blind spots.** Runs of fewer than 200 steps. Books that few frames use, as the
last ones of a codec of variable depth: 100 frames (`MIN_FRAMES`) are asked for.

**How it is measured.** exp(entropy) of a book's codes below 1.05 (`MAX_DEAD_PERPLEXITY`) over all
held-out recordings.

**Fix.** Start the codebooks by k-means, and move codes that nothing uses. Safety: safe.

**References.** Zeghidour et al., SoundStream (arXiv 2107.03312), section III-C.
"""

from __future__ import annotations

from collections.abc import Iterable

from auscult.finding import Finding, Fix, Severity
from auscult.rules.training.subject import TrainedSubject

CODE = "TRN031"
NAME = "codebook-collapse"
REQUIRES = TrainedSubject
MAX_DEAD_PERPLEXITY = 1.05
"""Perplexity below which one code is in use, as in a log (TRN001). Chosen, not measured."""
MIN_FRAMES = 100
"""Frames that must have used a book. Chosen, not measured."""


def check(subject: TrainedSubject) -> Iterable[Finding]:
    shares = subject.figures.get("perplexity", ())
    frames = subject.figures.get("book_frames", ())
    dead = tuple(
        number
        for number, (share, count) in enumerate(zip(shares, frames, strict=False))
        if count >= MIN_FRAMES and share * subject.book_size < MAX_DEAD_PERPLEXITY
    )
    if subject.is_judged and dead:
        yield Finding(
            CODE,
            NAME,
            Severity.ERROR,
            tuple(f"book {number}" for number in dead),
            f"{len(dead)} of {len(shares)} books use one code for every frame of the held-out"
            f" recordings: {', '.join(map(str, dead))}",
            evidence={"perplexity": [shares[number] * subject.book_size for number in dead]},
            fix=Fix("safe", "start the codebooks by k-means, and move codes that nothing uses"),
            rank=10,
        )
