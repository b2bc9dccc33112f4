"""Metallic, as from a tin: magnitudes are right and phases are not."""

from __future__ import annotations

from auscult.symptoms import Suspect
from auscult.symptoms._common import OFF_TRAINING

SYMPTOM = "phase-metallic"
FOLLOWS = True
SUSPECTS = (
    Suspect(
        ("branch-cut", "istft-window", "istft-normalisation", "precision-drift"),
        "the phase that the head predicts is wrapped, scaled or summed in too few bits",
        needs="traces",
    ),
    Suspect(
        ("tensor-missing", "renamed"),
        "the source or phase branch of the head has no trained weights",
        needs="code",
    ),
    OFF_TRAINING,
)
