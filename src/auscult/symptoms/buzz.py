"""A tone on the frame rate: every frame comes out alike, so the waveform repeats once per hop, whatever the input says."""

from __future__ import annotations

from auscult.symptoms import Suspect
from auscult.symptoms._common import NOT_LOADED, SCRAMBLED

SYMPTOM = "buzz"
FOLLOWS = True
SUSPECTS = (
    NOT_LOADED,
    SCRAMBLED,
    Suspect(
        ("weight-norm-unfused", "weight-norm-swapped", "weight-norm-axis"),
        "gains lost or laid over the wrong axis leave the pattern of the transposed convolutions and the biases",
        needs="weights",
    ),
    Suspect(
        (
            "leaky-slope",
            "branch-sum-mean",
            "norm-missing",
            "norm-extra",
            "dilation",
            "residual-missing",
            "undetermined-by-weights",
        ),
        "all tensors load and the code still computes something else with them",
        needs="traces",
    ),
    Suspect(
        ("transform-invented", "mel-definition", "velocity-zero"),
        "features that do not vary over time give the same frame again and again",
        needs="traces",
    ),
)
