"""HiFTNet as CosyVoice 2 and Chatterbox use it: a harmonic source and an inverse-STFT head on HiFi-GAN's frame."""

from __future__ import annotations

ANCHORS = (
    "conv_pre.weight",
    "conv_post.weight",
    "ups.0.weight",
    "m_source.l_linear.weight",
    "source_downs.0.weight",
    "source_resblocks.0.convs1.0.weight",
    "f0_predictor.classifier.weight",
)
