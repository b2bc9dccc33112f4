"""Metallic, as from a tin: magnitudes are right and phases are not."""

from __future__ import annotations

from auscult.symptoms import Suspect

SYMPTOM = "phase-metallic"
SUSPECTS = (
    Suspect(
        ("branch-cut", "istft-window", "istft-normalisation", "precision-drift"),
        "the phase that the head predicts is wrapped, scaled or summed in too few bits",
        needs="traces",
    ),
    Suspect(("tensor-missing", "renamed"), "the source or phase branch of the head has no trained weights", needs="code"),
    Suspect(("sampler-mismatch",), "too few or wrong steps leave phases half denoised", needs="traces"),
)
