"""How mlx-audio 0.6.2 calls T3's tensors: the backbone is one level deeper."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TypeVar

from auscult.errors import UsageError
from auscult.families.chatterbox_t3.config import Config

Value = TypeVar("Value")


def released(state: Mapping[str, Value], prefix: str = "") -> dict[str, Value]:
    """The tensors of a state under torch's names, whoever named them, without `prefix`."""
    inner = {
        name.removeprefix(prefix): value for name, value in state.items() if name.startswith(prefix)
    }
    return {name.replace("tfmr.model.", "tfmr.", 1): value for name, value in inner.items()}


def runnable(config: Config) -> Config:
    """The same model under torch's names, which our modules have whatever the file's.

    Raises:
        UsageError: If it is Turbo, which has another backbone, or its heads do not fit its width.
    """
    if config.backbone != "llama":
        raise UsageError(
            "is Turbo's T3, whose GPT-2 cannot be run here",
            found=config.backbone,
            hint="take t3_cfg.safetensors",
        )
    if not config.queries or not config.emotion or not config.speech_positions:
        raise UsageError(
            "is no T3 that was released: perceiver, emotion or positions are missing",
            hint="take t3_cfg.safetensors",
        )
    if config.width < config.head_width or config.width % config.head_width:
        raise UsageError(
            "no whole number of heads fits",
            expected=f"a multiple of {config.head_width}",
            found=config.width,
        )
    return replace(config, naming="torch")
