"""Dull, like a telephone: nothing above a frequency that the sample rate promises."""

from __future__ import annotations

from auscult.symptoms import Suspect
from auscult.symptoms._common import OFF_TRAINING

SYMPTOM = "band-limited"
FOLLOWS = True
SUSPECTS = (
    Suspect(
        ("mel-definition", "transform-invented"),
        "features computed with a lower fmax or sample rate hold nothing above it",
        needs="reference-audio",
    ),
    Suspect(
        ("upsample-mode",),
        "interpolation where the model had learnt upsampling has no high frequencies",
        needs="traces",
    ),
    OFF_TRAINING,
)
WRITING = "find where a lower rate was used on the way, and resample there once, or not at all"
