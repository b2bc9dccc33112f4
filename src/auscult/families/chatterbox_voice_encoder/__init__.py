"""Chatterbox's voice encoder: a GE2E LSTM from mel to a 256-dimensional speaker vector."""

from __future__ import annotations

ANCHORS = (
    "lstm.weight_ih_l0",
    "lstm.weight_hh_l0",
    "lstm.weight_ih_l1",
    "similarity_weight",
    "similarity_bias",
    "proj.weight",
)
