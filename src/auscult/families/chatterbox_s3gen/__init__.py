"""Chatterbox's S3Gen: speech tokens to mel by flow matching, to waveform by HiFT; with its tokenizer and speaker encoder."""

from __future__ import annotations

ANCHORS = (
    "flow.input_embedding.weight",
    "flow.encoder_proj.weight",
    "flow.encoder.up_layer.conv.weight",
    "flow.decoder.estimator.final_proj.weight",
    "flow.decoder.estimator.time_mlp.linear_1.weight",
    "mel2wav.conv_pre.weight",
    "mel2wav.m_source.l_linear.weight",
    "speaker_encoder.head.conv1.weight",
)
