"""Two recipes as one: entries that touch the same tensors in between are joined."""

from __future__ import annotations

from collections.abc import Iterable

from auscult.errors import RecipeError
from auscult.recipe.entry import Entry
from auscult.recipe.op import Op
from auscult.recipe.ops.parallel import Parallel
from auscult.recipe.ops.route import Route
from auscult.recipe.recipe import Recipe


def compose_recipes(first_recipe: Recipe, second_recipe: Recipe) -> Recipe:
    """A recipe that does `first` and then `then`; entries come in the order of `then`.

    Raises:
        RecipeError: If `then` needs a tensor that `first` does not give, or leaves one out and does not keep the rest.
    """
    first_targets, then_sources = set(first_recipe.target_names), set(second_recipe.source_names)
    keeps_unnamed = first_recipe.rest == "keep"
    first_entries = [
        *first_recipe.entries,
        *(
            _make_identity_entry(name)
            for name in second_recipe.source_names
            if keeps_unnamed and name not in first_targets
        ),
    ]
    if not keeps_unnamed and then_sources - first_targets:
        raise RecipeError(
            "needs tensors that the first recipe does not give",
            where="compose",
            found=_list_some_names(then_sources - first_targets),
        )
    unused_names = [name for name in first_recipe.target_names if name not in then_sources]
    if unused_names and second_recipe.rest == "refuse":
        raise RecipeError(
            "leaves out tensors of the first recipe",
            where="compose",
            found=_list_some_names(unused_names),
        )
    then_entries = [*second_recipe.entries, *(_make_identity_entry(name) for name in unused_names)]
    joined = tuple(
        _join_entries(fronts, backs)
        for fronts, backs in _find_components(first_entries, then_entries)
    )
    return Recipe(joined, "keep" if first_recipe.rest == second_recipe.rest == "keep" else "refuse")


def _find_components(
    earlier_entries: list[Entry], later_entries: list[Entry]
) -> Iterable[tuple[list[Entry], list[Entry]]]:
    """Groups of entries of both recipes that hang together through the names in between."""
    maker = {name: index for index, entry in enumerate(earlier_entries) for name in entry.targets}
    users: dict[int, list[int]] = {}
    for index, entry in enumerate(later_entries):
        for name in entry.sources:
            users.setdefault(maker[name], []).append(index)
    visited_backs: set[int] = set()
    for start in range(len(later_entries)):
        if start in visited_backs:
            continue
        later_indices, earlier_indices, queue = {start}, set[int](), [start]
        while queue:
            for front_index in {
                maker[name] for name in later_entries[queue.pop()].sources
            } - earlier_indices:
                earlier_indices.add(front_index)
                new_backs = set(users[front_index]) - later_indices
                later_indices |= new_backs
                queue += new_backs
        visited_backs |= later_indices
        yield (
            [earlier_entries[index] for index in sorted(earlier_indices)],
            [later_entries[index] for index in sorted(later_indices)],
        )
    yield from (([entry], []) for entry in earlier_entries if not entry.targets)


def _join_entries(earlier: list[Entry], later: list[Entry]) -> Entry:
    middle_names = [name for entry in earlier for name in entry.targets]
    needed_names = [name for entry in later for name in entry.sources]
    order = tuple(middle_names.index(name) for name in needed_names)
    ops: list[Op] = [*_place_side_by_side(earlier)]
    if order != tuple(range(len(order))):
        ops.append(Route(order))
    ops += _place_side_by_side(later)
    has_shapes = all(entry.shapes is not None for entry in earlier)
    if has_shapes:
        shapes = tuple(shape for entry in earlier for shape in entry.shapes or ())
    else:
        shapes = None
    sources = tuple(name for entry in earlier for name in entry.sources)
    return Entry(
        sources,
        tuple(name for entry in later for name in entry.targets),
        _drop_undone_ops(ops),
        shapes,
    )


def _place_side_by_side(entries: list[Entry]) -> tuple[Op, ...]:
    if len(entries) == 1:
        return entries[0].ops
    if not any(entry.ops for entry in entries):
        return ()
    return (
        Parallel(tuple((len(entry.sources), len(entry.targets), entry.ops) for entry in entries)),
    )


def _drop_undone_ops(ops: list[Op]) -> tuple[Op, ...]:
    """Neighbours that cancel bit for bit are taken out."""
    result: list[Op] = []
    for op in ops:
        if result and op.lossless and result[-1].lossless and result[-1].inverse() == op:
            result.pop()
        else:
            result.append(op)
    return tuple(result)


def _make_identity_entry(name: str) -> Entry:
    return Entry((name,), (name,))


def _list_some_names(names: Iterable[str]) -> str:
    return ", ".join(sorted(names)[:5])
