"""One channel is the negative of the other, or the whole is inverted."""

from __future__ import annotations

from auscult.symptoms import Suspect

SYMPTOM = "polarity"
FOLLOWS = True
SUSPECTS = (
    Suspect(
        ("factor", "weight-norm-swapped", "channels-reversed"),
        "a negative gain stands at the end of the model",
        needs="traces",
    ),
)
WRITING = "multiply the channel by -1 if the model is right"
