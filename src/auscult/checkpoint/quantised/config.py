"""`config.json` beside a checkpoint, which says how its weights were quantised."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from auscult.checkpoint.source import Source

MAX_CONFIG_BYTES = 1 << 20


def read_config(source: Source) -> Mapping[str, Any]:
    """The object in `config.json` of the file's folder; empty where there is none that can be read."""
    if source.member:  # an archive has no folder beside it
        return {}
    config = (source.path if source.is_folder else source.path.parent) / "config.json"
    try:
        if config.stat().st_size > MAX_CONFIG_BYTES:
            return {}
        content = json.loads(config.read_bytes())
    except (OSError, ValueError, RecursionError):  # no such file, or another kind of file
        return {}
    return content if isinstance(content, dict) else {}


def find_quantisation(config: Mapping[str, Any]) -> Mapping[str, Any]:
    """What it says of quantisation, under the name that MLX or transformers gives it."""
    for key in ("quantization", "quantization_config"):
        section = config.get(key)
        if isinstance(section, dict):
            return section
    return {}
