"""Nothing, or next to nothing, comes out."""

from __future__ import annotations

from auscult.symptoms import Suspect

SYMPTOM = "silence"
FOLLOWS = True
SUSPECTS = (
    Suspect(
        ("non-finite", "precision-overflow"),
        "NaN or Inf becomes zero when it is converted to integers",
        needs="traces",
    ),
    Suspect(
        ("tensor-missing", "partial-load", "untrained", "dead-channels"),
        "a last layer of zeros or of tiny random weights gives a tiny output",
        needs="weights",
    ),
    Suspect(
        ("misaligned-target", "codebook-collapse", "loss-imbalance"),
        "a waveform loss on targets that cannot be predicted has its optimum at silence",
        needs="training",
    ),
    Suspect(
        ("activation-extra", "factor", "istft-normalisation"),
        "a clamp or a factor before the output takes the level away",
        needs="traces",
    ),
)
