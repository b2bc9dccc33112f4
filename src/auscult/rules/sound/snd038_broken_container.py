"""The header of a WAV file states another length than its samples have.

**What it finds.** A file that ends inside its samples; a header that covers only part of them, or
none; a size that was never filled in.

**What you hear.** A sound that stops too early, or silence, in one player; all of it in another.

**Why it happens.** The writer was ended before it could go back and fill in the sizes; a download
or upload that broke off; a WAV that was written to a pipe; two files joined byte by byte.

**What makes this sound.** The program that wrote the file, not the model: the sizes in the header are
filled in last, and were not.

**Example.** Wrong and right:

```python
file = wave.open(path, "wb")
file.writeframesraw(pcm)       # wrong: without close() the header says nothing
with wave.open(path, "wb") as file:
    file.writeframes(pcm)      # right: the sizes are filled in at the end
```

Samples of 24 bits in the lower part of 32, where players take the upper one, are the same kind of
mistake: 256 times too quiet.

**Blind spots.** A recording in 32 bits that is as quiet by itself, and uses its last 8 bits. Formats other than WAV. A file that was cut between chunks of a stream and closed
properly.

**How it is measured.** The size in the data chunk against the bytes behind it, less what other
chunks take; up to `MAX_ODD_BYTES` = 64 bytes do not matter. A size of 1,900,000,000 and more with less than half of it there is a
writer's guess. Samples of 32 bits: the peak lies within 24 bits and 24 dB of their full scale, and
their last 8 bits are in use.

**Fix.** Lossy where bytes are missing. Otherwise safe: write the samples that are there under a new
header (`sox --ignore-length`, `ffmpeg -i`).
"""

from __future__ import annotations

from collections.abc import Iterable

from auscult.finding import Finding, Fix, Severity
from auscult.rules.sound.subject import ContainerSubject
from auscult.sound.container import DataChunk, has_low_aligned_samples, read_data_chunk

CODE = "SND038"
NAME = "broken-container"
REQUIRES = ContainerSubject
EVIDENCE = "nothing"
EXTENT = "whole"
EXPLAINS = ()
FOLLOWS = True
WRITING = "close the file, so that the sizes are written; do not cut or join WAV files byte by byte"
MAX_ODD_BYTES = 64
"""Bytes by which the two may differ. Chosen, not measured."""


def check(subject: ContainerSubject) -> Iterable[Finding]:
    if has_low_aligned_samples(subject.path):
        yield _report_alignment(subject)
    chunk = read_data_chunk(subject.path)
    if chunk is None or chunk.is_rf64:
        return
    told = describe_chunk(chunk)
    if told is None:
        return
    severity, message = told
    yield Finding(
        CODE,
        NAME,
        severity,
        (subject.path,),
        message,
        confidence=0.95,
        evidence={"stated_bytes": chunk.stated, "present_bytes": chunk.present},
        rank=8,
    )


def describe_chunk(chunk: DataChunk) -> tuple[Severity, str] | None:
    """What is wrong with the sizes, and how bad that is; None where nothing is."""
    if chunk.is_unknown:
        return (
            Severity.INFO,
            "the header's size was never filled in, as of a file that was written to a pipe: "
            "players read to its end, and some refuse it",
        )
    missing = chunk.stated - chunk.present
    if missing > MAX_ODD_BYTES:
        return (
            Severity.WARNING,
            f"the file ends inside its samples: {_say_length(chunk, missing)} of "
            f"{_say_length(chunk, chunk.stated)} that the header states are not there",
        )
    behind = -missing
    if behind > MAX_ODD_BYTES and not chunk.has_chunks_behind:
        return (
            Severity.WARNING,
            f"the header covers {_say_length(chunk, chunk.stated)}, and "
            f"{_say_length(chunk, behind)} of bytes lie behind that: they are not played",
        )
    return None


def _say_length(chunk: DataChunk, count: int) -> str:
    if chunk.bytes_per_second:
        return f"{count / chunk.bytes_per_second:.2f} s"
    return f"{count:,} bytes"


def _report_alignment(subject: ContainerSubject) -> Finding:
    return Finding(
        CODE,
        NAME,
        Severity.WARNING,
        (subject.path,),
        "the samples have 32 bits and use the lower 24 only: as 24 bits put in at the wrong end, 256 "
        "times (48 dB) too quiet",
        confidence=0.8,
        evidence={"bits": 32, "used_bits": 24},
        fix=Fix("safe", "Multiply the samples by 256.", code="samples = samples * 256"),
        rank=8,
    )
