"""Everything comes earlier or later by a constant time."""

from __future__ import annotations

from auscult.symptoms import Suspect

SYMPTOM = "lag"
SUSPECTS = (
    Suspect(
        ("istft-trim", "stride-padding", "padding-mode"),
        "padding on one side, or an inverse STFT trimmed elsewhere, moves everything",
        needs="traces",
    ),
)
WRITING = "none is needed to hear it; align before computing any sample-wise figure"
