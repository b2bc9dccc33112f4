"""HiFi-GAN's generator (Kong, Kim and Bae 2020): mel to waveform by transposed convolutions and dilated residual blocks."""

from __future__ import annotations

ANCHORS = (
    "conv_pre.weight",
    "conv_pre.bias",
    "conv_post.weight",
    "ups.0.weight",
    "ups.1.weight",
    "resblocks.0.convs1.0.weight",
    "resblocks.0.convs.0.weight",
    "resblocks.1.convs1.0.weight",
)
