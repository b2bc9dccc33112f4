"""Traces: what every layer computed, in any runtime, and where it first went wrong.

The package is also the function: `auscult.trace(model)` is `auscult.trace.live.trace(model)`.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any


class _Callable(ModuleType):
    def __call__(self, model: Any, path: Any = None, **options: Any) -> Any:
        from auscult.trace.live import trace

        return trace(model, path, **options)


sys.modules[__name__].__class__ = _Callable
trace = sys.modules[__name__]
"""The package itself, so that `auscult.trace` is one and the same, however it was reached."""
