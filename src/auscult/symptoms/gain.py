"""The right sound at the wrong level."""

from __future__ import annotations

from auscult.symptoms import Suspect

SYMPTOM = "gain"
FOLLOWS = True
SUSPECTS = (
    Suspect(
        (
            "istft-normalisation",
            "factor",
            "branch-sum-mean",
            "weight-norm-unfused",
            "weight-norm-swapped",
            "residual-missing",
        ),
        "a factor between layers: a mean for a sum, an iSTFT divided by the sum of the window",
        needs="traces",
    ),
    Suspect(
        ("tensor-missing", "renamed", "prefix"),
        "a branch that adds energy (a harmonic source, a final projection) has no weights",
        needs="code",
    ),
    Suspect(
        ("amplitude-conflict", "codebook-collapse", "misaligned-target"),
        "small amplitude is the right answer of a model that knows little: look at the correlation",
        needs="training",
    ),
)
WRITING = "look where the samples are written: a loudness normalisation, a volume, an integer scale"
