"""Too fast and too high, or too slow and too low: the samples are of another rate than the file says."""

from __future__ import annotations

from auscult.symptoms import Suspect

SYMPTOM = "sample-rate-label"
SUSPECTS = (
    Suspect(
        ("mel-definition", "transform-invented"),
        "features computed at another sample rate than the model's make it speak faster or slower",
        needs="reference-audio",
    ),
)
WRITING = "write the file with the sample rate that the model was trained at; do not resample"
