"""The recipe that an alignment amounts to: the source in the names, layout and parametrisation of the other side."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

from auscult.errors import RecipeError
from auscult.recipe.entry import Entry
from auscult.recipe.op import Op
from auscult.recipe.ops.copy import Copy
from auscult.recipe.ops.drop import Drop
from auscult.recipe.recipe import Recipe
from auscult.verdict import Equality
from auscult.weights import Checkpoint

MAX_SHOWN = 5


class MatchLike(Protocol):
    """The part of `auscult.align.records.Match` that a recipe needs."""

    @property
    def a(self) -> tuple[str, ...]: ...
    @property
    def b(self) -> tuple[str, ...]: ...
    @property
    def ops(self) -> tuple[Op, ...]: ...
    @property
    def equality(self) -> Equality: ...


class AlignmentLike(Protocol):
    """Anything with matches; the rest of `auscult.align.records.Alignment` is used where it is there."""

    @property
    def matches(self) -> Sequence[MatchLike]: ...


def recipe_from_alignment(alignment: AlignmentLike, source: Checkpoint | None = None) -> Recipe:
    """Entries from the matches, in their order. Tensors of side a that no match uses are dropped.

    Args:
        source: Side a; with it the recipe is bound: dropped tensors are named and shapes are filled in.

    Raises:
        RecipeError: If a match says that its two sides differ.
    """
    different = [match for match in alignment.matches if match.equality is Equality.DIFFERENT]
    if different:
        raise RecipeError(
            "pairs tensors that no operation makes equal",
            where="alignment",
            found=_list_some(
                f"{', '.join(match.a)} against {', '.join(match.b)}" for match in different
            ),
            hint="`auscult diff` explains each of them",
        )
    entries = _merge_shared_sources(
        [Entry(match.a, match.b, match.ops) for match in alignment.matches]
    )
    used_names = {name for entry in entries for name in entry.sources}
    if source is None:
        return Recipe(tuple(entries))
    unused = [tensor for name, tensor in source.items() if name not in used_names]
    entries += [Entry((tensor.name,), (), (Drop(tensor.shape, tensor.dtype),)) for tensor in unused]
    return Recipe(tuple(entries)).bind(source)


def _merge_shared_sources(entries: list[Entry]) -> list[Entry]:
    """Two matches of one source (a tie that the other side stores twice) become one entry that copies it."""
    by_source: dict[tuple[str, ...], list[Entry]] = {}
    for entry in entries:
        by_source.setdefault(entry.sources, []).append(entry)
    result: list[Entry] = []
    for sources, group in by_source.items():
        first_entry = group[0]
        if len(group) == 1:
            result.append(first_entry)
        elif len(sources) == 1 and all(
            entry.ops == first_entry.ops and len(entry.targets) == 1 for entry in group
        ):
            targets = tuple(name for entry in group for name in entry.targets)
            result.append(Entry(sources, targets, (*first_entry.ops, Copy(len(group)))))
        else:
            names = [", ".join(entry.targets) for entry in group]
            raise RecipeError(
                "is used in several ways at once", where=", ".join(sources), found=_list_some(names)
            )
    return result


def _list_some(items: Iterable[str]) -> str:
    listed = list(items)
    return "; ".join(listed[:MAX_SHOWN]) + (
        f" and {len(listed) - MAX_SHOWN} more" if len(listed) > MAX_SHOWN else ""
    )
