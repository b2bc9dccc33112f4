"""numpy, imported at its first use: describing a file needs none of it, and its import costs more than the description.

Used as `from auscult.late import numpy as np`.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any


class LazyModule:
    """Stands for a module until one of its attributes is asked for."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, name: str) -> Any:
        value = getattr(importlib.import_module(self._name), name)
        setattr(self, name, value)
        return value


if TYPE_CHECKING:
    import numpy as numpy  # noqa: PLC0414  (re-exported)
else:
    numpy = LazyModule("numpy")
