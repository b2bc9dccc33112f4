"""Operations by their name in JSON, found by the folder `ops`."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from functools import cache
from typing import Any

from auscult import plugins
from auscult.errors import RecipeError
from auscult.finding import Json
from auscult.recipe.op import Op

_FOLDER = "auscult.recipe.ops"


@cache
def op_class(name: str) -> type[Op]:
    """The operation of that JSON name.

    Raises:
        RecipeError: If there is none.
    """
    if name in plugins.names(_FOLDER):
        for value in vars(importlib.import_module(f"{_FOLDER}.{name}")).values():
            if (
                isinstance(value, type)
                and issubclass(value, Op)
                and getattr(value, "op", None) == name
            ):
                return value
    raise RecipeError(
        "names an unknown operation", where="recipe", expected=", ".join(op_names()), found=name
    )


def op_names() -> tuple[str, ...]:
    """The JSON names of all operations."""
    return plugins.names(_FOLDER)


def op_from_json(data: Mapping[str, Any] | Json) -> Op:
    """The operation that `Op.to_json` described.

    Raises:
        RecipeError: If the name is unknown or the parameters do not fit.
    """
    if not isinstance(data, Mapping) or not isinstance(data.get("op"), str):
        raise RecipeError(
            "is not an operation", where="recipe", expected='{"op": name, ...}', found=data
        )
    kind = op_class(data["op"])
    parameters = {key: _frozen(value) for key, value in data.items() if key != "op"}
    try:
        return kind(**parameters)
    except (TypeError, ValueError) as error:
        raise RecipeError(
            f"has wrong parameters: {error}", where=kind.op, found=parameters
        ) from error


def _frozen(value: Any) -> Any:
    return tuple(_frozen(item) for item in value) if isinstance(value, list) else value
