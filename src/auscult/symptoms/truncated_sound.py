"""The end is missing."""

from __future__ import annotations

from auscult.symptoms import Suspect

SYMPTOM = "truncated-sound"
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
