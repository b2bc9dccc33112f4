"""The recipe that rounds the layers that bear it, for `auscult convert --recipe`."""

from __future__ import annotations

from collections.abc import Iterable

from auscult.checkpoint.target import state_of
from auscult.finding import Json
from auscult.properties.model import CheckedModel
from auscult.recipe import Recipe
from auscult.recipe.entry import Entry
from auscult.recipe.ops.cast import Cast

CAST_FORMATS = ("float16", "bfloat16")
"""Formats that a cast makes; eight bits need a runtime that knows their scales."""


def build_recipe(model: CheckedModel, number_format: str, kept: Iterable[str]) -> Recipe:
    """Casts of every float32 tensor that no kept module owns; all else stays as it is."""
    kept_paths = set(kept)
    entries = tuple(
        Entry((name,), (name,), (Cast(number_format, tensor.dtype),))
        for name, tensor in state_of(model.given.model).tensors.items()
        if tensor.dtype == "float32" and _find_owner(model, name) not in kept_paths
    )
    return Recipe(entries, "keep")


def _find_owner(model: CheckedModel, name: str) -> str:
    """The module that owns a tensor: that of the longest path that begins the name."""
    paths = set(model.runner.paths())
    owner = name.rpartition(".")[0]
    while owner and owner not in paths:
        owner = owner.rpartition(".")[0]
    return owner


def collect_recipes(model: CheckedModel) -> dict[str, Recipe]:
    """One for each format that was measured and that a cast makes."""
    return {
        str(row["format"]): build_recipe(model, str(row["format"]), row["kept"])
        for row in model.precision
        if row["format"] in CAST_FORMATS
    }


def to_entries(recipe: Recipe) -> tuple[Json, ...]:
    """The entries as JSON."""
    return tuple(entry.to_json() for entry in recipe.entries)
