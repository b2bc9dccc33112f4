"""Reversible mappings from one checkpoint's names, layouts and parametrisations to another's, as data."""

from __future__ import annotations

from auscult.recipe.entry import Entry
from auscult.recipe.op import Op
from auscult.recipe.recipe import Recipe, from_entries
from auscult.recipe.registry import find_op_class, list_op_names, op_from_json

__all__ = [
    "Entry",
    "Op",
    "Recipe",
    "find_op_class",
    "from_entries",
    "list_op_names",
    "op_from_json",
]
