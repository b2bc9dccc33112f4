"""LiteRT model files (.tflite)."""

from __future__ import annotations

from pathlib import Path

from auscult.runtime.runner import Runner


def accepts(value: object) -> bool:
    return isinstance(value, Path) and value.suffix.lower() == ".tflite"


def open_runner(value: Path, name: str) -> Runner:
    """A runner for the model.

    Raises:
        UsageError: If LiteRT is not installed.
    """
    from auscult.runtime.capture import require_package

    require_package("ai_edge_litert", "litert", name)
    from auscult.runtime.litert.runner import LitertRunner

    return LitertRunner(value, name)
