"""EnCodec (Défossez et al. 2022), 24 and 48 kHz, under its own names or those of transformers."""

from __future__ import annotations

ANCHORS = (
    "encoder.model.0.conv.conv.weight",
    "encoder.model.1.block.1.conv.conv.weight",
    "quantizer.vq.layers.0._codebook.embed",
    "encoder.layers.0.conv.weight",
    "encoder.layers.1.block.1.conv.weight",
    "quantizer.layers.0.codebook.embed",
    "quantizer.layers.1.codebook.cluster_size",
)
