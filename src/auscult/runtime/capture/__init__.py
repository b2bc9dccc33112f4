"""Capture per runtime, found by this folder.

A file has

    # Whether this runtime can run the value; does not import the runtime.
    def accepts(value: object) -> bool
    def open_runner(value: Any, name: str) -> Runner
    # Only where code of the user can run around the model.
    def probe(value: Any, recorder: Recorder) -> AbstractContextManager
"""

from __future__ import annotations

from importlib.util import find_spec

from auscult.errors import UsageError
from auscult.facts.install import format_install_command


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
