"""Dull, like a telephone: nothing above a frequency that the sample rate promises."""

from __future__ import annotations

from auscult.symptoms import Suspect

SYMPTOM = "band-limited"
SUSPECTS = (
    Suspect(
        ("mel-definition", "transform-invented"),
        "features computed with a lower fmax or sample rate hold nothing above it",
        needs="reference-audio",
    ),
    Suspect(("upsample-mode",), "interpolation where the model had learnt upsampling has no high frequencies", needs="traces"),
)
WRITING = "find where a lower rate was used on the way, and resample there once, or not at all"
