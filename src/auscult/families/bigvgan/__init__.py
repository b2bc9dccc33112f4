"""BigVGAN (Lee et al. 2023): HiFi-GAN with anti-aliased Snake activations."""

from __future__ import annotations

ANCHORS = (
    "conv_pre.weight",
    "conv_pre.bias",
    "conv_post.weight",
    "ups.0.0.weight",
    "ups.1.0.weight",
    "resblocks.0.convs1.0.weight",
    "resblocks.0.activations.0.act.alpha",
    "activation_post.act.alpha",
)
