"""Find the modules of a folder, so that adding a rule, format, family or output is one new file and no list to edit."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from functools import cache
from types import ModuleType


@cache
def list_module_names(package: str) -> tuple[str, ...]:
    """Names of the public modules directly inside `package`, sorted, without importing them."""
    path = importlib.import_module(package).__path__
    return tuple(
        sorted(info.name for info in pkgutil.iter_modules(path) if not info.name.startswith("_"))
    )


def import_modules(package: str) -> Iterator[ModuleType]:
    """The public modules directly inside `package`, imported one by one in name order."""
    for name in list_module_names(package):
        yield importlib.import_module(f"{package}.{name}")


@cache
def list_packages(package: str) -> tuple[str, ...]:
    """Dotted names of the packages directly inside `package`, sorted."""
    path = importlib.import_module(package).__path__
    return tuple(
        f"{package}.{info.name}"
        for info in sorted(pkgutil.iter_modules(path), key=lambda i: i.name)
        if info.ispkg
    )
