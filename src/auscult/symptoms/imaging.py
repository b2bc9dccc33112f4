"""Mirror images and steady tones at multiples of sample rate / stride: the transposed convolutions leave their pattern."""

from __future__ import annotations

from auscult.symptoms import Suspect
from auscult.symptoms._common import NOT_LOADED

SYMPTOM = "imaging"
FOLLOWS = True
SUSPECTS = (
    Suspect(
        ("layout-conv-transpose1d", "weight-norm-axis", "kernel-flipped"),
        "transposed convolutions with exchanged channels or a flipped kernel leave the pattern of their stride",
        needs="reference-weights",
    ),
    Suspect(
        ("upsample-mode", "stride-padding"),
        "zeros between samples without the filter that belongs behind them",
        needs="traces",
    ),
    NOT_LOADED,
)
