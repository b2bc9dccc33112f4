"""Shared words of findings: names folded by index, counts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from auscult.align.naming import split_indices


def fold_names(names: Iterable[str]) -> tuple[str, ...]:
    """Names that differ in indices only as one: `ups.{0..4}.conv.weight`, in the order of their first members.

    The indices of one column are shown as `{0..4}` where they are consecutive, else as `{0,2,4}`. A pattern whose columns do
    not form a full grid is shown with its number of members.
    """
    groups: dict[str, list[tuple[int, ...]]] = {}
    for name in names:
        label, indices = split_indices(name)
        groups.setdefault(label, []).append(indices)
    return tuple(_fold_pattern(label, members) for label, members in groups.items())


def _fold_pattern(label: str, members: list[tuple[int, ...]]) -> str:
    columns = [sorted(set(column)) for column in zip(*members, strict=True)]
    grid_size = 1
    for column in columns:
        grid_size *= len(column)
    text = label
    for column in columns:
        text = text.replace("*", _format_indices(column).replace("*", ""), 1)
    if grid_size == len(set(members)):
        return text
    return f"{text} ({len(set(members))} of {grid_size})"


def _format_indices(values: Sequence[int]) -> str:
    if len(values) == 1:
        return str(values[0])
    if list(values) == list(range(values[0], values[-1] + 1)):
        return f"{{{values[0]}..{values[-1]}}}"
    return "{" + ",".join(map(str, values)) + "}"


def list_first_names(names: Sequence[str], max_patterns: int = 3) -> str:
    """The first few names, folded, and how many patterns more."""
    patterns = fold_names(names)
    remaining_count = len(patterns) - max_patterns
    return ", ".join(patterns[:max_patterns]) + (
        f" and {remaining_count} more" if remaining_count > 0 else ""
    )


def format_shape(shape: Sequence[int]) -> str:
    return "[" + ", ".join(map(str, shape)) + "]"
