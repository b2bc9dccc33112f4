"""Chatterbox's T3: text to speech tokens, on a Llama or (Turbo) a GPT-2 backbone."""

from __future__ import annotations

ANCHORS = (
    "cond_enc.spkr_enc.weight",
    "text_emb.weight",
    "speech_emb.weight",
    "speech_head.weight",
    "text_head.weight",
    "text_pos_emb.emb.weight",
)
