"""torch: eager modules by hooks."""

from __future__ import annotations

import sys
from contextlib import AbstractContextManager
from typing import Any

from auscult.runtime.device import DeviceName, require_device
from auscult.runtime.recorder import Recorder
from auscult.runtime.runner import Runner
from auscult.traces.records import Manifest


def accepts(value: object) -> bool:
    return "torch" in sys.modules and isinstance(value, sys.modules["torch"].nn.Module)


def open_runner(value: Any, name: str, device: DeviceName | None = None) -> Runner:
    """A runner for the module; a copy of it, where it is on another device than the named one.

    Raises:
        UsageError: If there is no such device.
    """
    from auscult.runtime.torch.runner import TorchRunner

    require_device(device)
    return TorchRunner(value, name).on_device(device)


def probe(value: Any, recorder: Recorder) -> AbstractContextManager[Any]:
    from auscult.runtime.torch.probe import TorchProbe

    return TorchProbe(value, recorder)


def manifest(value: Any, recorder: Recorder) -> Manifest:
    from auscult.runtime.torch.manifest import build_manifest

    return build_manifest(value, recorder)
