"""MLX: module trees, through their classes."""

from __future__ import annotations

import sys
from contextlib import AbstractContextManager
from typing import Any

from auscult.runtime.device import DeviceName, require_device, use_mlx_device
from auscult.runtime.recorder import Recorder
from auscult.runtime.runner import Runner
from auscult.traces.records import Manifest


def accepts(value: object) -> bool:
    return "mlx.nn" in sys.modules and isinstance(value, sys.modules["mlx.nn"].Module)


def open_runner(value: Any, name: str, device: DeviceName | None = None) -> Runner:
    """A runner for the module, with MLX's default device set to the named one.

    Raises:
        UsageError: If there is no such device.
    """
    from auscult.runtime.mlx.runner import MlxRunner

    if device is not None:
        require_device(device, "mlx")
        use_mlx_device(device)
    return MlxRunner(value, name)


def probe(value: Any, recorder: Recorder) -> AbstractContextManager[Any]:
    from auscult.runtime.mlx.probe import MlxProbe

    return MlxProbe(value, recorder)


def manifest(value: Any, recorder: Recorder) -> Manifest:
    from auscult.runtime.mlx.manifest import build_manifest

    return build_manifest(value, recorder)
