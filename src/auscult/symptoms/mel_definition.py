"""Robotic, faint or muffled: the mel spectrogram was not made the way the vocoder was trained on."""

from __future__ import annotations

from auscult.symptoms import Suspect

SYMPTOM = "mel-definition"
FOLLOWS = True
SUSPECTS = (
    Suspect(
        ("transform-invented", "activation-extra", "mel-definition"),
        "log base, range, normalisation or scale of the features differ from training",
        needs="traces",
    ),
    Suspect(
        ("undetermined-by-weights",),
        "which mel a vocoder wants is not in its weights",
        needs="reference-audio",
    ),
)
