"""Stable Audio Open: a diffusion transformer over the latents of an Oobleck VAE."""

from __future__ import annotations

ANCHORS = (
    "model.model.timestep_features.weight",
    "model.model.to_cond_embed.0.weight",
    "model.model.transformer.project_in.weight",
    "model.model.transformer.layers.0.self_attn.to_qkv.weight",
    "model.model.transformer.layers.1.cross_attn.to_kv.weight",
    "pretransform.model.encoder.layers.0.weight",
    "pretransform.model.decoder.layers.0.weight",
    "pretransform.model.decoder.layers.1.layers.1.weight",
)
