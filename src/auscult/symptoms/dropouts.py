"""Holes of silence: blocks that were lost, or frames that came out as NaN and were written as zeros."""

from __future__ import annotations

from auscult.symptoms import Suspect
from auscult.symptoms._common import OFF_TRAINING

SYMPTOM = "dropouts"
FOLLOWS = True
SUSPECTS = (
    Suspect(
        ("precision-overflow", "non-finite"),
        "single frames overflow and are written as zeros",
        needs="traces",
    ),
    Suspect(
        ("attention-mask", "mask-not-applied"),
        "masked or padded frames are treated as content, or content as padding",
        needs="traces",
    ),
    OFF_TRAINING,
)
WRITING = (
    "check how the chunks are joined: write every chunk, and overlap those of a model with context"
)
