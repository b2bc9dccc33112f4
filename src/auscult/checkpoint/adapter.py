"""What an adapter's files say of the factor with which its update is added: LoRA's alpha / rank."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from math import isfinite, sqrt
from typing import Any

from auscult.checkpoint.source import Source

CONFIG_NAME = "adapter_config.json"
MAX_CONFIG_BYTES = 1 << 20
"""Size of a configuration that is read; PEFT's have some hundred bytes. Chosen, not measured."""
PREFIX = "adapter_config"
"""What stands before the configuration's keys in a checkpoint's metadata."""


def read_adapter_config(source: Source, names: Iterable[str]) -> dict[str, str]:
    """The numbers and switches of `adapter_config.json` beside a file with LoRA factors, for its metadata.

    PEFT writes `lora_alpha`, `r` and `use_rslora`; mlx-lm writes `lora_parameters` with `rank` and `scale`.
    """
    if source.member or not any("lora" in name.lower() for name in names):
        return {}
    path = (source.path if source.is_folder else source.path.parent) / CONFIG_NAME
    try:
        if path.stat().st_size > MAX_CONFIG_BYTES:
            return {}
        content = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):  # no such file, or another kind of file
        return {}
    if not isinstance(content, dict):
        return {}
    result = _list_numbers(content)
    parameters = content.get("lora_parameters")
    if isinstance(parameters, dict):
        result |= _list_numbers(parameters)
    return {f"{PREFIX}.{name}": text for name, text in result.items()}


def _list_numbers(content: Mapping[str, Any]) -> dict[str, str]:
    return {name: str(value) for name, value in content.items() if isinstance(value, int | float)}


def find_lora_scale(metadata: Mapping[str, str], rank: int) -> float | None:
    """The factor of B·A for factors of that rank, as the metadata states it; None where it does not, or in two ways."""
    alphas = {
        value
        for key, text in metadata.items()
        if key.rpartition(".")[2] in {"lora_alpha", "alpha"}
        and "lora" in key.lower()
        and (value := _parse_number(text)) is not None
    }
    if len(alphas) == 1 and rank > 0:
        divisor = float(rank)
        if any(key.endswith("use_rslora") and text == "True" for key, text in metadata.items()):
            divisor = sqrt(rank)
        return alphas.pop() / divisor
    if not alphas:
        return _parse_number(metadata.get(f"{PREFIX}.scale", ""))
    return None


def _parse_number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if isfinite(value) and value else None
