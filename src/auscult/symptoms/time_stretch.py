"""Too fast or too slow at the right pitch: another number of frames for the same time."""

from __future__ import annotations

from auscult.symptoms import Suspect
from auscult.symptoms._common import OFF_TRAINING

SYMPTOM = "time-stretch"
SUSPECTS = (
    Suspect(
        ("upsample-mode", "stride-padding", "mel-definition", "time-embedding-scale"),
        "another hop or stride gives another number of samples per frame",
        needs="traces",
    ),
    Suspect(
        ("undetermined-by-weights",),
        "the product of the strides is not in the weights",
        needs="reference-audio",
    ),
    OFF_TRAINING,
)
