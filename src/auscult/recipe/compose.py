"""Two recipes as one: entries that touch the same tensors in between are joined."""

from __future__ import annotations

from collections.abc import Iterable

from auscult.errors import RecipeError
from auscult.recipe.entry import Entry
from auscult.recipe.op import Op
from auscult.recipe.ops.parallel import Parallel
from auscult.recipe.ops.route import Route
from auscult.recipe.recipe import Recipe


def composed(first: Recipe, then: Recipe) -> Recipe:
    """A recipe that does `first` and then `then`; entries come in the order of `then`.

    Raises:
        RecipeError: If `then` needs a tensor that `first` does not give, or leaves one out and does not keep the rest.
    """
    given, taken = set(first.target_names), set(then.source_names)
    passing = first.rest == "keep"
    front = [
        *first.entries,
        *(_same(name) for name in then.source_names if passing and name not in given),
    ]
    if not passing and taken - given:
        raise RecipeError(
            "needs tensors that the first recipe does not give",
            where="compose",
            found=_some(taken - given),
        )
    left = [name for name in first.target_names if name not in taken]
    if left and then.rest == "refuse":
        raise RecipeError(
            "leaves out tensors of the first recipe", where="compose", found=_some(left)
        )
    back = [*then.entries, *(_same(name) for name in left)]
    joined = tuple(_join(fronts, backs) for fronts, backs in _components(front, back))
    return Recipe(joined, "keep" if first.rest == then.rest == "keep" else "refuse")


def _components(front: list[Entry], back: list[Entry]) -> Iterable[tuple[list[Entry], list[Entry]]]:
    """Groups of entries of both recipes that hang together through the names in between."""
    maker = {name: index for index, entry in enumerate(front) for name in entry.targets}
    users: dict[int, list[int]] = {}
    for index, entry in enumerate(back):
        for name in entry.sources:
            users.setdefault(maker[name], []).append(index)
    done: set[int] = set()
    for start in range(len(back)):
        if start in done:
            continue
        backs, fronts, queue = {start}, set[int](), [start]
        while queue:
            for made in {maker[name] for name in back[queue.pop()].sources} - fronts:
                fronts.add(made)
                fresh = set(users[made]) - backs
                backs |= fresh
                queue += fresh
        done |= backs
        yield [front[index] for index in sorted(fronts)], [back[index] for index in sorted(backs)]
    yield from (([entry], []) for entry in front if not entry.targets)


def _join(fronts: list[Entry], backs: list[Entry]) -> Entry:
    middle = [name for entry in fronts for name in entry.targets]
    wanted = [name for entry in backs for name in entry.sources]
    order = tuple(middle.index(name) for name in wanted)
    ops: list[Op] = [*_side_by_side(fronts)]
    if order != tuple(range(len(order))):
        ops.append(Route(order))
    ops += _side_by_side(backs)
    known = all(entry.shapes is not None for entry in fronts)
    shapes = tuple(shape for entry in fronts for shape in entry.shapes or ()) if known else None
    sources = tuple(name for entry in fronts for name in entry.sources)
    return Entry(
        sources,
        tuple(name for entry in backs for name in entry.targets),
        _without_undone(ops),
        shapes,
    )


def _side_by_side(entries: list[Entry]) -> tuple[Op, ...]:
    if len(entries) == 1:
        return entries[0].ops
    if not any(entry.ops for entry in entries):
        return ()
    return (
        Parallel(tuple((len(entry.sources), len(entry.targets), entry.ops) for entry in entries)),
    )


def _without_undone(ops: list[Op]) -> tuple[Op, ...]:
    """Neighbours that cancel bit for bit are taken out."""
    result: list[Op] = []
    for op in ops:
        if result and op.lossless and result[-1].lossless and result[-1].inverse() == op:
            result.pop()
        else:
            result.append(op)
    return tuple(result)


def _same(name: str) -> Entry:
    return Entry((name,), (name,))


def _some(names: Iterable[str]) -> str:
    return ", ".join(sorted(names)[:5])
