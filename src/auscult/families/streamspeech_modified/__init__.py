"""StreamSpeech's vocoder as modified by its user: 94 tensors, additive speaker and emotion conditioning, GRC blocks."""

from __future__ import annotations

ANCHORS = (
    "initial_conv.weight",
    "initial_conv.bias",
    "ups.0.conv.weight",
    "ups.0.speaker_proj.weight",
    "ups.1.emotion_proj.weight",
    "mrfs.0.convs.0.conv1.weight",
    "mrfs.0.convs.1.conv2.weight",
    "final_conv.weight",
)
