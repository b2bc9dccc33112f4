"""The beginning or the end of the reference is missing, or something was added to it.

**What it finds.** Sound of the reference that lies outside the recording once the two are laid upon
each other; and sound of the recording that lies outside the reference. Silence at the ends does not
count.

**What you hear.** The first or last word cut off; or words and noises that should not be there.

**Why it happens.** Frames cut to a multiple of a chunk; a stop token too early or too late; the
tail of a chunked decoder dropped; a fade or trim that eats speech; a prompt that is left in.

**What makes this sound.** Rendering stopped early, or the last piece was not written: the end is
missing.

**Example.** Wrong and right:

```python
chunks = mel[:, : mel.shape[1] // 100 * 100]  # wrong: the last piece is dropped
chunks = mel                                  # right: the last chunk may be shorter
```

**Blind spots.** What is missing in the middle is `time-stretch` or `frames-shuffled` at best. A
reference that was itself cut.

**How it is measured.** Both are laid upon each other; of what hangs over, the blocks of 10 ms
within 40 dB of the loud ones count. From `MIN_SECONDS` = 0.05 s of sound on.

**Fix.** None in the sound: what is missing is not there. Added parts can be cut off.

**References.** 0xShug0/audio.cpp 429 (tails of chunks).
"""

from __future__ import annotations

from collections.abc import Iterable

from auscult.finding import Finding, Severity
from auscult.rules.sound._related import find_relation, is_same_speed
from auscult.rules.sound.subject import SoundSubject
from auscult.rules.suspects import Suspect
from auscult.sound.counterpart import measure_overhang

CODE = "SND044"
NAME = "truncated-sound"
REQUIRES = SoundSubject
EVIDENCE = "reference"
EXTENT = "whole"
EXPLAINS = ("lag", "padded-sound")
SUSPECTS = (
    Suspect(
        ("bos-missing", "position-offset", "attention-mask"),
        "the decoder stops early, or the tail of the last chunk is masked",
        needs="traces",
    ),
    Suspect(
        ("length-mismatch",),
        "the output is shorter than the input by construction",
        needs="training",
    ),
)
WRITING = "flush the last chunk, and cut by the number of frames and not by a fixed length"
MIN_SECONDS = 0.05
"""Sound that is missing or added, from which on it is reported. Chosen, not measured."""


def check(subject: SoundSubject) -> Iterable[Finding]:
    relation = find_relation(subject)
    if relation is None or subject.reference is None or not is_same_speed(relation):
        return
    overhang = measure_overhang(relation, *subject.finite_pair)
    missing, extra = overhang.missing_sound, overhang.extra_sound
    parts = [*_describe_ends("missing", missing), *_describe_ends("added", extra)]
    if not parts:
        return
    is_cut = max(missing) >= MIN_SECONDS
    length = relation.recording_seconds
    ends = ((0.0, overhang.extra_start), (length - overhang.extra_end, length))
    spans = [span for span, seconds in zip(ends, extra, strict=True) if seconds >= MIN_SECONDS]
    yield Finding(
        CODE,
        NAME,
        Severity.ERROR if is_cut else Severity.WARNING,
        (subject.recording.name,),
        f"{', '.join(parts)}, against the reference ({relation.recording_seconds:.2f} s for "
        f"{relation.reference_seconds:.2f} s)",
        confidence=0.95 if relation.coherent else 0.8,
        evidence={
            "missing_seconds": [round(overhang.missing_start, 4), round(overhang.missing_end, 4)],
            "missing_sound": [round(value, 2) for value in missing],
            "extra_seconds": [round(overhang.extra_start, 4), round(overhang.extra_end, 4)],
            "extra_sound": [round(value, 2) for value in extra],
        },
        times=tuple((round(start, 4), round(stop, 4)) for start, stop in spans),
        rank=17,
    )


def _describe_ends(word: str, seconds: tuple[float, float]) -> list[str]:
    """What is missing or added at either end, where it is enough."""
    return [
        f"{value:.2f} s of sound {word} at the {end}"
        for value, end in zip(seconds, ("start", "end"), strict=True)
        if value >= MIN_SECONDS
    ]
