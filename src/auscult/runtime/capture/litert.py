"""LiteRT model files (.tflite)."""

from __future__ import annotations

from pathlib import Path

from auscult.runtime.device import DeviceName
from auscult.runtime.runner import Runner


def accepts(value: object) -> bool:
    return isinstance(value, Path) and value.suffix.lower() == ".tflite"


def open_runner(value: Path, name: str, device: DeviceName | None = None) -> Runner:
    """A runner for the model.

    Raises:
        UsageError: If LiteRT is not installed, or a device other than the processor is asked for.
    """
    from auscult.runtime.capture import refuse_device, require_package

    refuse_device(device, name)
    require_package("ai_edge_litert", "litert", name)
    from auscult.runtime.litert.runner import LitertRunner

    return LitertRunner(value, name)
