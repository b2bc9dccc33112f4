"""Live modules as checkpoints: one file per framework, found by its folder, used only if the caller imported that framework.

The file is called like the framework's package and has

    def is_module(value: object) -> bool
    def is_array(value: object) -> bool
    def state(module: Any, path: str) -> Checkpoint       # every tensor of the module, and its module tree
    def tensor(name: str, value: Any) -> Tensor
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from typing import Any, Protocol, cast

from auscult import plugins
from auscult.weights import Checkpoint, Tensor


class FrameworkAdapter(Protocol):
    """The names that an adapter has."""

    def is_module(self, value: object) -> bool: ...

    def is_array(self, value: object) -> bool: ...

    def state(self, module: Any, path: str) -> Checkpoint: ...

    def tensor(self, name: str, value: Any) -> Tensor: ...


def iter_imported_frameworks() -> Iterator[FrameworkAdapter]:
    """Adapters of the frameworks that this process has already imported; auscult imports none by itself."""
    for name in plugins.list_module_names(__name__):
        if name in sys.modules:
            yield cast(FrameworkAdapter, importlib.import_module(f"{__name__}.{name}"))


def as_plain_data(value: object) -> Any:
    """The value if it is plain data (number, text, None, or a short tuple of these), else `...`."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, tuple | list) and len(value) <= 32:
        items = [as_plain_data(item) for item in value]
        if any(item is ... for item in items):
            return ...
        return tuple(items)
    return ...
