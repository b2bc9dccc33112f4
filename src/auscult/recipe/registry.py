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

_OPS_FOLDER = "auscult.recipe.ops"


@cache
def find_op_class(name: str) -> type[Op]:
    """The operation of that JSON name.

    Raises:
        RecipeError: If there is none.
    """
    if name in plugins.list_module_names(_OPS_FOLDER):
        for value in vars(importlib.import_module(f"{_OPS_FOLDER}.{name}")).values():
            if (
                isinstance(value, type)
                and issubclass(value, Op)
                and getattr(value, "op", None) == name
            ):
                return value
    raise RecipeError(
        "names an unknown operation",
        where="recipe",
        expected=", ".join(list_op_names()),
        found=name,
    )


def make_op(name: str, *parameters: Any) -> Op:
    """An operation by its JSON name. An operation and its inverse name each other so, without importing each other."""
    op_type: Any = find_op_class(name)
    made: Op = op_type(*parameters)
    return made


def list_op_names() -> tuple[str, ...]:
    """The JSON names of all operations."""
    return plugins.list_module_names(_OPS_FOLDER)


def op_from_json(data: Mapping[str, Any] | Json) -> Op:
    """The operation that `Op.to_json` described.

    Raises:
        RecipeError: If the name is unknown or the parameters do not fit.
    """
    if not isinstance(data, Mapping) or not isinstance(data.get("op"), str):
        raise RecipeError(
            "is not an operation", where="recipe", expected='{"op": name, ...}', found=data
        )
    op_type = find_op_class(data["op"])
    parameters = {key: _freeze_lists(value) for key, value in data.items() if key != "op"}
    try:
        return op_type(**parameters)
    except (TypeError, ValueError) as error:
        raise RecipeError(
            f"has wrong parameters: {error}", where=op_type.op, found=parameters
        ) from error


def _freeze_lists(value: Any) -> Any:
    if isinstance(value, list):
        return tuple(_freeze_lists(item) for item in value)
    return value
