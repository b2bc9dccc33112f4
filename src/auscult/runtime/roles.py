"""Roles of tensors in a call: `input`, `input.1`, `input.mask`, `output`, `output.1.0`; and calls
rebuilt from them.

The first positional tensor of a call is `input`, the next `input.1`; one given by keyword is
`input.NAME`. Nested containers append their own keys: an LSTM's result `(y, (h, c))` is `output`,
`output.1.0`, `output.1.1`. A single value, or the first of a tuple, has no suffix.
"""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable, Iterator, Mapping
from typing import Any

IsTensor = Callable[[object], bool]
ContainerKey = str | int
MAX_DEPTH = 8


def iter_roles(value: Any, base: str, is_tensor: IsTensor) -> Iterator[tuple[str, Any]]:
    """Every tensor inside nested tuples, lists, mappings and dataclasses, with its role."""
    for steps, leaf in _iter_leaves(value, (), is_tensor):
        yield _join_role(base, steps), leaf


def iter_call_roles(
    args: tuple[Any, ...], kwargs: Mapping[str, Any], is_tensor: IsTensor
) -> Iterator[tuple[str, Any]]:
    """Every tensor among the arguments of a call, with its role."""
    yield from iter_roles(args, "input", is_tensor)
    yield from iter_roles(kwargs, "input", is_tensor)


def replace_tensors(
    value: Any, base: str, swap: Callable[[str, Any], Any], is_tensor: IsTensor
) -> Any:
    """A copy of `value` in which each tensor is what `swap(role, tensor)` gives."""
    return _map_leaves(
        value, (), lambda steps, leaf: swap(_join_role(base, steps), leaf), is_tensor
    )


def _join_role(base: str, steps: tuple[ContainerKey, ...]) -> str:
    if steps in ((), (0,)):
        return base
    return ".".join((base, *map(str, steps)))


def _iter_items(value: Any) -> Iterator[tuple[ContainerKey, Any]]:
    if isinstance(value, Mapping):
        yield from ((str(key), item) for key, item in value.items())
    elif isinstance(value, tuple | list):
        yield from enumerate(value)
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        yield from ((field.name, getattr(value, field.name)) for field in dataclasses.fields(value))


def _iter_leaves(
    value: Any, steps: tuple[ContainerKey, ...], is_tensor: IsTensor
) -> Iterator[tuple[tuple[ContainerKey, ...], Any]]:
    if is_tensor(value):
        yield steps, value
    elif len(steps) < MAX_DEPTH:
        for step, item in _iter_items(value):
            yield from _iter_leaves(item, (*steps, step), is_tensor)


def _map_leaves(
    value: Any,
    steps: tuple[ContainerKey, ...],
    swap: Callable[[tuple[ContainerKey, ...], Any], Any],
    is_tensor: IsTensor,
) -> Any:
    if is_tensor(value):
        return swap(steps, value)
    if len(steps) >= MAX_DEPTH:
        return value
    mapped_items = {
        step: _map_leaves(item, (*steps, step), swap, is_tensor)
        for step, item in _iter_items(value)
    }
    is_unchanged = all(mapped_items[step] is item for step, item in _iter_items(value))
    if is_unchanged:
        return value
    return _rebuild_container(value, mapped_items)


def _rebuild_container(value: Any, mapped_items: Mapping[ContainerKey, Any]) -> Any:
    """A container of the same kind with other items."""
    if isinstance(value, Mapping):
        changed_items = {key: mapped_items[str(key)] for key in value}
        if dataclasses.is_dataclass(value):
            return dataclasses.replace(value, **changed_items)
        return _rebuild_mapping(value, changed_items)
    if isinstance(value, tuple | list):
        listed_items = [mapped_items[index] for index in range(len(value))]
        if hasattr(value, "_fields"):
            return type(value)(*listed_items)
        return type(value)(listed_items)
    return dataclasses.replace(value, **{str(step): item for step, item in mapped_items.items()})


def _rebuild_mapping(value: Mapping[Any, Any], changed_items: dict[Any, Any]) -> Any:
    try:
        return type(value)(changed_items)  # type: ignore[call-arg]
    except TypeError:  # a mapping with a constructor of its own
        return changed_items


def format_role(base: str, index: int) -> str:
    """The role of a tensor at a position: `output`, then `output.1`, `output.2`."""
    return _join_role(base, (index,))


def parse_position(name: str) -> int | None:
    """The position that a name of an input says: `input` is 0, `1` and `input.1` are 1; None where
    it is another name.
    """
    short_name = "0" if name == "input" else name.removeprefix("input.")
    if short_name.isdigit():
        return int(short_name)
    return None


def split_arguments(inputs: Mapping[str, Any]) -> tuple[list[Any], dict[str, Any]]:
    """Positional and keyword arguments from names: `0`, `1`, `input`, `input.1` are positions,
    anything else a keyword.
    """
    positional: dict[int, Any] = {}
    keyword_values: dict[str, Any] = {}
    for name, value in inputs.items():
        position = parse_position(name)
        if position is None:
            keyword_values[name.removeprefix("input.")] = value
        else:
            positional[position] = value
    return [positional[index] for index in sorted(positional)], keyword_values


def iter_role_inputs(inputs: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """The same inputs under the roles that a trace gives them."""
    for name, value in inputs.items():
        if parse_position(name) == 0:
            yield "input", value
        else:
            yield f"input.{name.removeprefix('input.')}", value


def bind_arguments(
    function: Callable[..., Any], inputs: Mapping[str, Any]
) -> tuple[list[Any], dict[str, Any]]:
    """Arguments for `function`: as `arguments`, but by position where the signature has one for the
    name.

    A single array under a foreign name becomes the first position: a file that was written as `x`
    still reaches `forward(mel)`, where there is no choice.
    """
    positional, keyword_values = split_arguments(inputs)
    try:
        parameters = inspect.signature(function).parameters
    except (TypeError, ValueError):
        return positional, keyword_values
    accepts_any_keyword = any(
        parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values()
    )
    if (
        not positional
        and len(keyword_values) == 1
        and not accepts_any_keyword
        and next(iter(keyword_values)) not in parameters
    ):
        return list(keyword_values.values()), {}
    places = [
        name
        for name, parameter in parameters.items()
        if parameter.kind is parameter.POSITIONAL_OR_KEYWORD
    ]
    for name in places[len(positional) :]:
        if name not in keyword_values:
            break
        positional.append(keyword_values.pop(name))
    return positional, keyword_values
