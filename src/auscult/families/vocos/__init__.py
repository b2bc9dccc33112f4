"""Vocos (Siuzdak 2023): a ConvNeXt backbone and an inverse-STFT head."""

from __future__ import annotations

ANCHORS = (
    "backbone.embed.weight",
    "backbone.final_layer_norm.weight",
    "backbone.convnext.0.dwconv.weight",
    "backbone.convnext.0.pwconv1.weight",
    "backbone.convnext.1.gamma",
    "head.out.weight",
)
