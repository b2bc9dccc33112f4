"""ONNX model files in ONNX Runtime."""

from __future__ import annotations

from pathlib import Path

from auscult.runtime.device import DeviceName
from auscult.runtime.runner import Runner


def accepts(value: object) -> bool:
    return isinstance(value, Path) and value.suffix.lower() == ".onnx"


def open_runner(value: Path, name: str, device: DeviceName | None = None) -> Runner:
    """A runner for the model.

    Raises:
        UsageError: If ONNX Runtime is not installed, or a device other than the processor is asked for.
    """
    from auscult.runtime.capture import refuse_device, require_package

    refuse_device(device, name)
    require_package("onnxruntime", "onnx", name)
    from auscult.runtime.onnx.runner import OnnxRunner

    return OnnxRunner(value, name)
