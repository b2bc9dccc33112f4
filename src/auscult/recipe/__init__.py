"""Reversible mappings from one checkpoint's names, layouts and parametrisations to another's, as data."""

from __future__ import annotations

from auscult.recipe.entry import Entry
from auscult.recipe.op import Op
from auscult.recipe.recipe import Recipe, from_entries
from auscult.recipe.registry import op_class, op_from_json, op_names

__all__ = ["Entry", "Op", "Recipe", "from_entries", "op_class", "op_from_json", "op_names"]
