"""Silence before or behind what was asked for."""

from __future__ import annotations

from auscult.symptoms import Suspect

SYMPTOM = "padded-sound"
SUSPECTS = (
    Suspect(
        ("mask-not-applied", "attention-mask"), "padding is rendered as content", needs="traces"
    ),
)
WRITING = "cut the output to the length that the input's frames give"
