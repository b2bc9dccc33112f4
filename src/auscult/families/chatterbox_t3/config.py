"""Sizes of Chatterbox's T3. Source: chatterbox-tts 0.1.7 (T3Config, llama_configs.py)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Config:
    """Defaults are the English model. The first block of fields is in the tensors' shapes; what follows is not.

    Attributes:
        backbone: `llama`, or `gpt2` for Turbo, whose projections are stored (in, out).
        tokens: Rows of the backbone's own embedding, which T3 does not use; 0 if the file lacks it.
        positions: Rows of GPT-2's positions, or of T3's own for text; 0 if there are none.
        queries: Positions that the perceiver makes of the prompt's speech tokens.
        head_width: Of the backbone's attention; the perceiver has `perceiver_heads` whatever the width.
        rope_theta, rope_factor, rope_low, rope_high, rope_original: Llama 3's rotary positions: frequencies whose wave is
            longer than `rope_original / rope_low` are divided by the factor, shorter than `rope_original / rope_high` kept.
        start_speech: Also the number of tokens that are sound; the ids from there on are not.
        prompt_tokens: Most speech tokens of the reference recording that are heard.
    """

    backbone: Literal["llama", "gpt2"] = "llama"
    naming: Literal["torch", "mlx-audio"] = "torch"
    width: int = 1024
    layers: int = 30
    hidden: int = 4096
    tokens: int = 8
    text_tokens: int = 704
    speech_tokens: int = 8194
    positions: int = 2050
    speech_positions: int = 4100
    speaker_dim: int = 256
    queries: int = 32
    emotion: bool = True
    speech_head_bias: bool = False

    head_width: int = 64
    perceiver_heads: int = 4
    norm_eps: float = 1e-5
    rope_theta: float = 500_000.0
    rope_factor: float = 8.0
    rope_low: float = 1.0
    rope_high: float = 4.0
    rope_original: int = 8192
    start_text: int = 255
    stop_text: int = 0
    start_speech: int = 6561
    stop_speech: int = 6562
    prompt_tokens: int = 150


TURBO = Config(
    backbone="gpt2",
    layers=24,
    tokens=50276,
    text_tokens=50276,
    speech_tokens=6563,
    positions=8196,
    speech_positions=0,
    queries=0,
    emotion=False,
    speech_head_bias=True,
)
PUBLISHED = {"English": Config(), "multilingual": Config(text_tokens=2454), "Turbo": TURBO}


def tiny() -> Config:
    """The same layers, two of them, a few channels wide; text is bytes, of which neither 0 nor 255 is ever one of UTF-8."""
    return Config(
        width=32,
        layers=2,
        hidden=48,
        text_tokens=256,
        speech_tokens=32,
        positions=130,
        speech_positions=84,
        speaker_dim=8,
        queries=4,
        head_width=16,
        start_speech=27,
        stop_speech=28,
        prompt_tokens=10,
    )
