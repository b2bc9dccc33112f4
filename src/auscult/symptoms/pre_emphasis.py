"""Thin or dull by 6 dB per octave: a pre-emphasis that was not taken back, or taken back twice."""

from __future__ import annotations

from auscult.symptoms import Suspect

SYMPTOM = "pre-emphasis"
FOLLOWS = True
SUSPECTS = (
    Suspect(
        ("transform-invented",),
        "the features of training were computed from pre-emphasised sound",
        needs="traces",
    ),
)
WRITING = (
    "apply the inverse filter y[n] = x[n] + a·y[n-1] with the a of training (0.97 or so), once"
)
