"""Suspects that make more than one sound."""

from __future__ import annotations

from auscult.rules.suspects import Suspect

NOT_LOADED = Suspect(
    (
        "partial-load",
        "modules-never-trained",
        "untrained",
        "tensor-missing",
        "prefix",
        "wrapped",
        "renamed",
        "conv-grouped",
        "kernel-size",
        "width",
        "depth",
    ),
    "part of the model never received the trained weights and computes with its random "
    "initialisation",
    needs="code",
)
SCRAMBLED = Suspect(
    (
        "layout-conv-transpose1d",
        "layout-conv1d",
        "layout-conv2d",
        "layout-linear",
        "layout-mixed",
        "layout-fortran",
        "qkv-order",
        "gate-order",
        "swapped",
    ),
    "weights in another order of axes or places have a legal shape and scrambled content",
    needs="reference-weights",
)
OFF_TRAINING = Suspect(
    ("number-embedding", "mask-not-applied", "sampler-mismatch", "sigma-schedule", "cfg-formula"),
    "a sampler, guidance or conditioning that the model was not trained with: what comes out is "
    "half denoised, dull, unsteady",
    needs="traces",
)
