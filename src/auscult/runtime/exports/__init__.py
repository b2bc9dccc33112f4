"""Forms into which a live torch module is exported, one file each, found by its place.

Each has `make_export(module, args, kwargs, folder)`, which gives what `auscult compare` takes: a file, or a live module.
"""

from __future__ import annotations

import importlib
from typing import Any

import torch

from auscult import plugins


def list_forms() -> tuple[str, ...]:
    """Names of all forms."""
    return plugins.list_module_names(__name__)


def load_form(name: str) -> Any:
    """The module of a form."""
    return importlib.import_module(f"{__name__}.{name}")


class SealedModule(torch.nn.Module):
    """An exported form as one module without parts: only what it takes and gives can be seen."""

    def __init__(self, function: Any) -> None:
        super().__init__()
        self._function = (function,)

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        return self._function[0](*args, **kwargs)
