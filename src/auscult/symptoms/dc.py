"""A constant offset: it is not heard, but it fools every figure that compares levels."""

from __future__ import annotations

from auscult.symptoms import Suspect

SYMPTOM = "dc"
FOLLOWS = True
SUSPECTS = (
    Suspect(
        ("bias-missing", "tensor-missing", "partial-load", "norm-missing"),
        "a bias of the last layers is missing or random",
        needs="weights",
    ),
    Suspect(
        ("codebook-collapse", "amplitude-conflict"),
        "a collapsed codec learns the mean of its targets and its own bias",
        needs="training",
    ),
)
WRITING = "take the mean off; keep mean, AC level and correlation apart when comparing"
