"""Roles of tensors in a call: `input`, `input.1`, `input.mask`, `output`, `output.1.0`; and calls rebuilt from them.

The first positional tensor of a call is `input`, the next `input.1`; one given by keyword is `input.NAME`. Nested containers
append their own keys: an LSTM's result `(y, (h, c))` is `output`, `output.1.0`, `output.1.1`. A single value, or the first of
a tuple, has no suffix.
"""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable, Iterator, Mapping
from typing import Any

Is = Callable[[object], bool]
Step = str | int
MAX_DEPTH = 8


def roles(value: Any, base: str, is_tensor: Is) -> Iterator[tuple[str, Any]]:
    """Every tensor inside nested tuples, lists, mappings and dataclasses, with its role."""
    for steps, leaf in _leaves(value, (), is_tensor):
        yield _role(base, steps), leaf


def call_roles(
    args: tuple[Any, ...], kwargs: Mapping[str, Any], is_tensor: Is
) -> Iterator[tuple[str, Any]]:
    """Every tensor among the arguments of a call, with its role."""
    yield from roles(args, "input", is_tensor)
    yield from roles(kwargs, "input", is_tensor)


def replaced(value: Any, base: str, swap: Callable[[str, Any], Any], is_tensor: Is) -> Any:
    """A copy of `value` in which each tensor is what `swap(role, tensor)` gives."""
    return _map(value, (), lambda steps, leaf: swap(_role(base, steps), leaf), is_tensor)


def _role(base: str, steps: tuple[Step, ...]) -> str:
    return base if steps in ((), (0,)) else ".".join((base, *map(str, steps)))


def _items(value: Any) -> Iterator[tuple[Step, Any]]:
    if isinstance(value, Mapping):
        yield from ((str(key), item) for key, item in value.items())
    elif isinstance(value, tuple | list):
        yield from enumerate(value)
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        yield from ((field.name, getattr(value, field.name)) for field in dataclasses.fields(value))


def _leaves(
    value: Any, steps: tuple[Step, ...], is_tensor: Is
) -> Iterator[tuple[tuple[Step, ...], Any]]:
    if is_tensor(value):
        yield steps, value
    elif len(steps) < MAX_DEPTH:
        for step, item in _items(value):
            yield from _leaves(item, (*steps, step), is_tensor)


def _map(
    value: Any, steps: tuple[Step, ...], swap: Callable[[tuple[Step, ...], Any], Any], is_tensor: Is
) -> Any:
    if is_tensor(value):
        return swap(steps, value)
    if len(steps) >= MAX_DEPTH:
        return value
    made = {step: _map(item, (*steps, step), swap, is_tensor) for step, item in _items(value)}
    unchanged = all(made[step] is item for step, item in _items(value))
    return value if unchanged else _like(value, made)


def _like(value: Any, made: Mapping[Step, Any]) -> Any:
    """A container of the same kind with other items."""
    if isinstance(value, Mapping):
        changed = {key: made[str(key)] for key in value}
        return (
            dataclasses.replace(value, **changed)
            if dataclasses.is_dataclass(value)
            else _mapping(value, changed)
        )
    if isinstance(value, tuple | list):
        listed = [made[index] for index in range(len(value))]
        return type(value)(*listed) if hasattr(value, "_fields") else type(value)(listed)
    return dataclasses.replace(value, **{str(step): item for step, item in made.items()})


def _mapping(value: Mapping[Any, Any], changed: dict[Any, Any]) -> Any:
    try:
        return type(value)(changed)  # type: ignore[call-arg]
    except TypeError:  # a mapping with a constructor of its own
        return changed


def arguments(inputs: Mapping[str, Any]) -> tuple[list[Any], dict[str, Any]]:
    """Positional and keyword arguments from names: `0`, `1`, `input`, `input.1` are positions, anything else a keyword."""
    positional: dict[int, Any] = {}
    named: dict[str, Any] = {}
    for name, value in inputs.items():
        short = "0" if name == "input" else name.removeprefix("input.")
        if short.isdigit():
            positional[int(short)] = value
        else:
            named[short] = value
    return [positional[index] for index in sorted(positional)], named


def named_inputs(inputs: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """The same inputs under the roles that a trace gives them."""
    for name, value in inputs.items():
        short = name.removeprefix("input.")
        yield ("input" if short in ("0", "input") else f"input.{short}"), value


def bound(
    function: Callable[..., Any], inputs: Mapping[str, Any]
) -> tuple[list[Any], dict[str, Any]]:
    """Arguments for `function`: as `arguments`, but by position where the signature has one for the name.

    A single array under a foreign name becomes the first position: a file that was written as `x` still reaches
    `forward(mel)`, where there is no choice.
    """
    positional, named = arguments(inputs)
    try:
        parameters = inspect.signature(function).parameters
    except (TypeError, ValueError):
        return positional, named
    free = any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values())
    if not positional and len(named) == 1 and not free and next(iter(named)) not in parameters:
        return list(named.values()), {}
    places = [
        name
        for name, parameter in parameters.items()
        if parameter.kind is parameter.POSITIONAL_OR_KEYWORD
    ]
    for name in places[len(positional) :]:
        if name not in named:
            break
        positional.append(named.pop(name))
    return positional, named
