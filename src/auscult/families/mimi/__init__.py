"""Mimi (Défossez et al. 2024), Moshi's codec, under the names of transformers."""

from __future__ import annotations

ANCHORS = (
    "encoder.layers.0.conv.weight",
    "encoder.layers.1.block.1.conv.weight",
    "encoder_transformer.layers.0.self_attn.q_proj.weight",
    "decoder_transformer.layers.0.mlp.fc1.weight",
    "quantizer.semantic_residual_vector_quantizer.input_proj.weight",
    "quantizer.acoustic_residual_vector_quantizer.layers.0.codebook.embed_sum",
    "downsample.conv.weight",
)
