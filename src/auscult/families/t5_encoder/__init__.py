"""T5's encoder (Raffel et al. 2020), as text-to-audio models use it for their prompts."""

from __future__ import annotations

ANCHORS = (
    "shared.weight",
    "encoder.final_layer_norm.weight",
    "encoder.block.0.layer.0.SelfAttention.q.weight",
    "encoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight",
    "encoder.block.1.layer.0.SelfAttention.o.weight",
    "encoder.block.1.layer.0.layer_norm.weight",
)
