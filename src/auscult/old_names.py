"""Arguments under their former names: they still work, and warn."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


def accept_old_names(**new_by_old: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Let a function take keyword arguments by the names that they had before.

    Args:
        new_by_old: The present name of an argument by its former one.
    """

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        @functools.wraps(function)
        def call(*args: P.args, **kwargs: P.kwargs) -> R:
            __tracebackhide__ = True
            arguments: dict[str, Any] = dict(kwargs)
            for old_name, new_name in new_by_old.items():
                if old_name in arguments and new_name not in arguments:
                    message = f"{function.__name__}({old_name}=) is now {new_name}="
                    warnings.warn(message, DeprecationWarning, stacklevel=2)
                    arguments[new_name] = arguments.pop(old_name)
            return function(*args, **arguments)

        return call

    return decorate
