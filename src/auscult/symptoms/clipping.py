"""Samples stuck at the limits: the waveform is larger than the format holds."""

from __future__ import annotations

from auscult.symptoms import Suspect

SYMPTOM = "clipping"
FOLLOWS = True
SUSPECTS = (
    Suspect(
        (
            "factor",
            "istft-normalisation",
            "weight-norm-unfused",
            "weight-norm-swapped",
            "branch-sum-mean",
            "activation-missing",
        ),
        "a factor in the model makes everything louder, or the last tanh is missing",
        needs="traces",
    ),
    Suspect(
        ("snake-parametrisation",),
        "Snake's alpha read on the wrong scale makes its output grow",
        needs="weights",
    ),
)
WRITING = "write float samples, or scale them below full scale before they are rounded to integers"
