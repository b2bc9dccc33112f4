"""Capture per runtime, found by this folder.

A file has

    # Whether this runtime can run the value; does not import the runtime.
    def accepts(value: object) -> bool
    # On the device that is named; where None is, on the one that the value is on.
    def open_runner(value: Any, name: str, device: DeviceName | None = None) -> Runner
    # Only where code of the user can run around the model.
    def probe(value: Any, recorder: Recorder) -> AbstractContextManager
"""

from __future__ import annotations

from importlib.util import find_spec

from auscult.errors import UsageError
from auscult.facts.install import format_install_command
from auscult.runtime.device import DeviceName


def refuse_device(device: DeviceName | None, where: str) -> None:
    """For a runtime that auscult runs on the processor alone.

    Raises:
        UsageError: If another device is asked for.
    """
    if device not in (None, "cpu"):
        raise UsageError(
            "is run on the processor alone",
            where=where,
            expected="--device cpu",
            found=device,
            hint="other devices are for PyTorch and MLX",
        )


def require_package(package: str, extra: str, where: str) -> None:
    """Say what to install where a runtime is missing.

    Raises:
        UsageError: If the package cannot be imported.
    """
    if find_spec(package) is None:
        raise UsageError(
            f"needs {package}, which is not installed",
            where=where,
            hint=format_install_command(extra),
        )
