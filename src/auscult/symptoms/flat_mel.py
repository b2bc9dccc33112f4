"""A stationary sound: the mel spectrogram does not move over time, as a horizontal picture shows."""

from __future__ import annotations

from auscult.symptoms import Suspect
from auscult.symptoms._common import NOT_LOADED, SCRAMBLED

SYMPTOM = "flat-mel"
FOLLOWS = True
SUSPECTS = (
    NOT_LOADED,
    SCRAMBLED,
    Suspect(
        ("velocity-zero", "sampler-mismatch", "cfg-formula", "time-embedding-scale"),
        "the solver's steps are near zero: the start noise's statistics come out",
        needs="traces",
    ),
    Suspect(
        ("transform-invented", "mel-definition"),
        "features squeezed into a corner of their range look constant to the vocoder",
        needs="traces",
    ),
    Suspect(
        ("codebook-collapse", "amplitude-conflict", "misaligned-target"),
        "a decoder that hears one code for everything learns the mean",
        needs="training",
    ),
)
