"""Played backwards."""

from __future__ import annotations

from auscult.symptoms import Suspect

SYMPTOM = "reversed"
SUSPECTS = (
    Suspect(
        ("time-reversed", "channels-reversed"),
        "an axis was flipped, as for a bidirectional or causal layer, and not flipped back",
        needs="traces",
    ),
)
WRITING = "reverse the samples, or drop the extra flip"
