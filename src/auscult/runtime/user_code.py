"""Call the user's code so that what it raises becomes one line, and change attributes of the user's modules for a while."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

from auscult.errors import AuscultError, TargetError, UsageError


def call_user_code(function: Any, name: str, args: Any, kwargs: Any) -> Any:
    """Call the user's code; what it raises becomes one line."""
    try:
        return function(*args, **kwargs)
    except AuscultError:
        raise
    except Exception as error:  # whatever the user's model raises is for the user, as one line
        message = " ".join(str(error).split())[:300] or "no message"
        hint = "check names, shapes and types of the inputs; --debug shows the traceback"
        raise TargetError(
            f"raised {type(error).__name__}: {message}", where=name, hint=hint
        ) from error


@contextlib.contextmanager
def change_attributes(module: Any, changes: Mapping[str, Any]) -> Iterator[None]:
    """Set attributes of a module, or with dots of what it consists of, and set them back.

    Raises:
        UsageError: If it has no such attribute.
    """
    previous_values: list[tuple[Any, str, Any]] = []
    try:
        for name, value in changes.items():
            *steps, attribute = name.split(".")
            owner = module
            for step in steps:
                if isinstance(owner, list | tuple):
                    owner = owner[int(step)]
                else:
                    owner = getattr(owner, step)
            previous_values.append(
                (owner, attribute, _get_existing_attribute(owner, attribute, type(module).__name__))
            )
            setattr(owner, attribute, value)
        yield
    finally:
        for owner, attribute, value in reversed(previous_values):
            setattr(owner, attribute, value)


def _get_existing_attribute(owner: Any, attribute: str, where: str) -> Any:
    if not hasattr(owner, attribute):
        raise UsageError("has no such attribute", where=where, found=attribute)
    return getattr(owner, attribute)
