"""Peaks rounded off by a tanh: loud parts are distorted and the crest factor is small."""

from __future__ import annotations

from auscult.symptoms import Suspect

SYMPTOM = "saturated"
FOLLOWS = True
SUSPECTS = (
    Suspect(
        ("activation-extra",),
        "a tanh or clamp that the trained model does not have stands behind its last layer",
        needs="traces",
    ),
    Suspect(
        ("factor", "branch-sum-mean", "transform-invented"),
        "a gain before the model's own tanh drives it into saturation",
        needs="traces",
    ),
    Suspect(
        ("amplitude-conflict",), "a loss rewards loudness that tanh cannot give", needs="training"
    ),
)
