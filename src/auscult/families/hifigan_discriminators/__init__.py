"""HiFi-GAN's discriminators: multi-period and multi-scale, as training checkpoints (`do_*`) keep them."""

from __future__ import annotations

ANCHORS = (
    "mpd.discriminators.0.convs.0.weight",
    "mpd.discriminators.1.convs.0.weight",
    "mpd.discriminators.0.convs.1.bias",
    "mpd.discriminators.0.conv_post.weight",
    "msd.discriminators.0.convs.0.weight_orig",
    "msd.discriminators.1.convs.0.weight",
    "msd.discriminators.1.convs.1.bias",
    "msd.discriminators.1.conv_post.weight",
)
