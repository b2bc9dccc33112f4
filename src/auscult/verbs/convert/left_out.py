"""What a conversion leaves out of the source, and whether it may: a weight only where the user names it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from itertools import chain

from auscult.checkpoint import CODE_DTYPES
from auscult.errors import RecipeError, UsageError
from auscult.recipe.entry import Entry
from auscult.recipe.lazy import get_element_type
from auscult.recipe.ops.drop import Drop
from auscult.recipe.recipe import Recipe
from auscult.weights import Checkpoint, Container, Tensor

MAX_NAMES_SHOWN = 5


@dataclass(frozen=True)
class LeftOut:
    """What of the source is not in the result.

    Attributes:
        dropped: Weights that the user named, or that a saved recipe drops.
        bookkeeping: Counters and other integers that the result has no place for, and copies of
            tensors that are in it.
        containers: Groups of the file that were not taken, such as an optimizer's.
    """

    dropped: tuple[str, ...] = ()
    bookkeeping: tuple[str, ...] = ()
    containers: tuple[Container, ...] = ()

    @property
    def counts(self) -> dict[str, int]:
        """Tensors by bucket of a coverage; none of those that hold nothing."""
        elsewhere = sum(container.tensors for container in self.containers)
        counts = {
            "dropped": len(self.dropped),
            "bookkeeping": len(self.bookkeeping),
            "not_taken": elsewhere,
        }
        return {bucket: count for bucket, count in counts.items() if count}


def drop_named_weights(
    source: Checkpoint, patterns: Sequence[str]
) -> tuple[Checkpoint, tuple[str, ...]]:
    """The source without the weights that the user wants left out, and their names.

    Args:
        patterns: Names, or patterns of names (`*` matches anything).

    Raises:
        UsageError: If a pattern fits no tensor.
        RecipeError: If weights could not be read and are not among them, or if nothing is left.
    """
    unread = {skip.where: skip.reason for skip in source.skips if skip.is_weight}
    dropped = {name: name for name in (*source, *unread) if _is_named(name, patterns)}
    for pattern in patterns:
        if not any(_is_named(name, (pattern,)) for name in dropped):
            raise UsageError(
                "no tensor has such a name",
                where=f"--drop {pattern}",
                hint="`*` matches anything; `auscult inspect --tensors` lists all",
            )
    lost = [name for name in unread if name not in dropped]
    if lost:
        raise RecipeError(
            f"has {_count(lost, 'weight')} that cannot be read, and that the result would lack",
            where=source.path,
            found=f"{_list_some(lost)}: {unread[lost[0]]}",
            hint="--drop NAME leaves one out (`*` matches anything)",
        )
    kept = {name: tensor for name, tensor in source.items() if name not in dropped}
    if not kept:
        raise RecipeError(
            "has no tensors to convert",
            where=source.path,
            hint="give the file that has the weights",
        )
    if len(kept) == len(source):
        return source, tuple(dropped)
    ties = tuple(group for group in source.ties if set(group) <= kept.keys())
    return replace(source, tensors=kept, ties=ties), tuple(dropped)


def account_for_rest(
    source: Checkpoint, recipe: Recipe, dropped: Sequence[str], *, is_recipe_given: bool
) -> LeftOut:
    """What the recipe leaves out of the source, beside what the user named.

    Args:
        dropped: Weights that the user named.
        is_recipe_given: Whether the recipe is the user's own: then what it drops is named there.

    Raises:
        RecipeError: If a weight would be lost that nobody named.
    """
    lost: list[str] = []
    bookkeeping: list[str] = []
    written = (entry for entry in recipe.entries if entry.targets)
    kept_names = set(chain.from_iterable(entry.sources for entry in written))
    for entry in recipe.entries:
        if entry.targets:
            continue
        is_restorable = all(op.lossless for op in entry.ops)
        for name in entry.sources:
            if is_restorable or is_bookkeeping(source[name]) or _is_copy(source, name, kept_names):
                bookkeeping.append(name)
            else:
                lost.append(name)
    if lost and not is_recipe_given:
        raise RecipeError(
            f"has {_count(lost, 'weight')} that the result has no place for",
            where=source.path,
            found=_list_some(lost),
            hint="--drop NAME leaves one out (`*` matches anything); `auscult diff` explains them",
        )
    containers = tuple(
        container
        for container in source.containers
        if container.path != source.container or container.kind == "other"
    )
    return LeftOut((*dropped, *lost), tuple(bookkeeping), containers)


def add_dropped_entries(recipe: Recipe, source: Checkpoint, dropped: Sequence[str]) -> Recipe:
    """The recipe for saving: it says of every tensor of the source what becomes of it."""
    drops = [
        Entry((name,), (), (Drop(source[name].shape, get_element_type(source[name])),))
        for name in dropped
        if name in source and name not in recipe.source_names
    ]
    return replace(recipe, entries=(*recipe.entries, *drops))


def is_bookkeeping(tensor: Tensor) -> bool:
    """Whether a tensor counts or indexes, and weighs nothing: an integer that is no quantiser's code."""
    if tensor.quantization is not None:
        return False
    has_codes = tensor.dtype in CODE_DTYPES and len(tensor.shape) > 1
    return tensor.dtype.startswith(("int", "uint", "bool")) and not has_codes


def _is_copy(source: Checkpoint, name: str, kept_names: Iterable[str]) -> bool:
    """Whether the values are in the result all the same, under another name."""
    tensor = source[name]
    kept = set(kept_names)
    if any(name in group and kept & set(group) for group in source.ties):
        return True
    same_kind = (
        source[other]
        for other in kept
        if source[other].shape == tensor.shape and source[other].dtype == tensor.dtype
    )
    stored = tensor.numpy().tobytes()
    return any(other.numpy().tobytes() == stored for other in same_kind)


def _is_named(name: str, patterns: Sequence[str]) -> bool:
    return any(name == pattern or fnmatchcase(name, pattern) for pattern in patterns)


def _count(names: Sequence[str], noun: str) -> str:
    return f"{len(names)} {noun}{'s' if len(names) > 1 else ''}"


def _list_some(names: Sequence[str]) -> str:
    more = f" and {len(names) - MAX_NAMES_SHOWN} more" if len(names) > MAX_NAMES_SHOWN else ""
    return ", ".join(names[:MAX_NAMES_SHOWN]) + more
