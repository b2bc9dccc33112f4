"""Sizes of Chatterbox's voice encoder. Source: chatterbox-tts 0.1.7 (voice_encoder/config.py)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Config:
    """Defaults are Chatterbox's. The first four fields are in the tensors' shapes; what follows is not.

    Attributes:
        final_relu: Whether what the projection gives is cut at zero.
        window: Frames of a partial utterance.
        step: Frames from one to the next: 1.3 partial utterances a second, as the reference computes it.
        coverage: Share of the last window that has to be sound; otherwise it is left out.
    """

    mel_bins: int = 40
    hidden: int = 256
    layers: int = 3
    embedding: int = 256

    final_relu: bool = True
    window: int = 160
    step: int = 77
    coverage: float = 0.8


def tiny() -> Config:
    """The same layers, a few values wide."""
    return Config(mel_bins=6, hidden=8, embedding=8)
