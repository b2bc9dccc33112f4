"""Tensors inside whatever a model takes or gives: tuples, dicts, records."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from typing import Any

from torch import Tensor


def iter_leaves(value: Any, name: str = "") -> Iterator[tuple[str, Tensor]]:
    """Every tensor with its dotted name, in order."""
    if isinstance(value, Tensor):
        yield name, value
    else:
        for key, item in _iter_items(value):
            yield from iter_leaves(item, f"{name}.{key}" if name else key)


def _iter_items(value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        yield from ((str(key), item) for key, item in value.items())
    elif isinstance(value, list | tuple):
        yield from ((str(index), item) for index, item in enumerate(value))
    elif is_dataclass(value) and not isinstance(value, type):
        yield from ((entry.name, getattr(value, entry.name)) for entry in fields(value))


def replace_tensor(value: Any, old: Tensor | None, new: Tensor) -> Any:
    """The structure with the tensor `old` (that very object) exchanged for `new`; containers are
    copied, `value` stays.
    """
    if old is None or isinstance(value, Tensor):
        if value is old and old is not None:
            return new
        return value
    if isinstance(value, Mapping):
        return _copy_mapping(
            value, {key: replace_tensor(item, old, new) for key, item in value.items()}
        )
    if isinstance(value, list | tuple):
        items = [replace_tensor(item, old, new) for item in value]
        if hasattr(value, "_fields"):
            return type(value)(*items)
        return type(value)(items)
    if is_dataclass(value) and not isinstance(value, type):
        clone = copy.copy(value)
        for entry in fields(value):
            object.__setattr__(
                clone, entry.name, replace_tensor(getattr(value, entry.name), old, new)
            )
        return clone
    return value


def _copy_mapping(value: Mapping[Any, Any], changed: dict[Any, Any]) -> Any:
    if type(value) is dict:
        return changed
    twin: Any = copy.copy(value)
    for key, item in changed.items():
        twin[key] = item
    return twin
