"""Words of findings and reports: names folded by their numbers (`mrfs.{0..4}.weight`), counts with their noun."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import cache
from typing import NamedTuple

VOWELS = frozenset("aeiou")
_LONE_DIGITS = re.compile(r"(?<![A-Za-z0-9])\d+(?![A-Za-z0-9])")
_ANY_DIGITS = re.compile(r"\d+")

NameNumbers = tuple[int, ...]


class FoldedNames(NamedTuple):
    """A pattern, and how many names it stands for."""

    pattern: str
    size: int


def fold_names(names: Iterable[str]) -> list[FoldedNames]:
    """Patterns that stand for exactly these names, each for one or more, in the order of their first names.

    A pattern lists the values of each number: `{0..4}` for a run, `{0,2}` for others. The patterns are disjoint, and a
    number with a leading zero stays as it is.
    """
    groups: dict[tuple[str, ...], dict[NameNumbers, None]] = {}
    for name in names:
        words, numbers = _split_numbers(name)
        groups.setdefault(words, {})[numbers] = None
    return [
        FoldedNames(_join_pattern(words, block), _count_names(block))
        for words, rows in groups.items()
        for block in _find_blocks(list(rows))
    ]


def _split_numbers(name: str) -> tuple[tuple[str, ...], NameNumbers]:
    words, numbers, last_end = [], [], 0
    for match in _ANY_DIGITS.finditer(name):
        if match.group().startswith("0") and len(match.group()) > 1:
            continue
        words.append(name[last_end : match.start()])
        numbers.append(int(match.group()))
        last_end = match.end()
    return (*words, name[last_end:]), tuple(numbers)


NumberBlock = tuple[tuple[int, ...], ...]


def _find_blocks(rows: list[NameNumbers]) -> list[NumberBlock]:
    """Disjoint products of value sets that together hold exactly these rows."""
    if not rows or not rows[0]:
        return [()]
    tails: dict[int, list[NameNumbers]] = {}
    for row in rows:
        tails.setdefault(row[0], []).append(row[1:])
    values_by_tails: dict[frozenset[NameNumbers], list[int]] = {}
    for value, value_tails in tails.items():
        values_by_tails.setdefault(frozenset(value_tails), []).append(value)
    return [
        (tuple(sorted(values)), *block)
        for values in values_by_tails.values()
        for block in _find_blocks(tails[values[0]])
    ]


def _count_names(block: NumberBlock) -> int:
    count = 1
    for values in block:
        count *= len(values)
    return count


def _join_pattern(words: tuple[str, ...], block: NumberBlock) -> str:
    return "".join(
        word + values for word, values in zip(words, (*map(_format_values, block), ""), strict=True)
    )


def _format_values(values: tuple[int, ...]) -> str:
    if len(values) == 1:
        return str(values[0])
    if len(values) > 2 and values[-1] - values[0] == len(values) - 1:
        return f"{{{values[0]}..{values[-1]}}}"
    if len(values) == 2 and values[1] - values[0] == 1:
        return f"{{{values[0]}..{values[1]}}}"
    return "{" + ",".join(map(str, values)) + "}"


def summarise_names(names: Iterable[str], most: int = 3) -> str:
    """The first few patterns, and how many names more."""
    folds = fold_names(names)
    remaining_count = sum(part.size for part in folds[most:])
    return ", ".join(part.pattern for part in folds[:most]) + (
        f" and {remaining_count} more" if remaining_count else ""
    )


@cache
def split_indices(name: str, *, every_digit: bool = False) -> tuple[str, tuple[int, ...]]:
    """A name with `*` for each index, and the indices: `encoders_3.ff.0.weight` gives `encoders_*.ff.*.weight`, (3, 0).

    Args:
        every_digit: Also digits that are part of a word, as in `block1.tdnnd2`.
    """
    digits = _ANY_DIGITS if every_digit else _LONE_DIGITS
    return digits.sub("*", name), tuple(int(index) for index in digits.findall(name))


def list_index_contexts(
    name: str, *, every_digit: bool = False
) -> tuple[tuple[str, int, str], ...]:
    """Each index of a name with what stands before and after it: `layers.3.ff.weight` gives (`layers.`, 3, `.ff.weight`)."""
    digits = _ANY_DIGITS if every_digit else _LONE_DIGITS
    return tuple(
        (name[: match.start()], int(match.group()), name[match.end() :])
        for match in digits.finditer(name)
    )


def fold_columns(names: Iterable[str]) -> tuple[str, ...]:
    """Names that differ in indices only as one: `ups.{0..4}.conv.weight`, in the order of their first members.

    The indices of one column are shown as `{0..4}` where they are consecutive, else as `{0,2,4}`. A pattern whose columns do
    not form a full grid is shown with its number of members.
    """
    groups: dict[str, list[tuple[int, ...]]] = {}
    for name in names:
        label, indices = split_indices(name)
        groups.setdefault(label, []).append(indices)
    return tuple(_fill_columns(label, members) for label, members in groups.items())


def _fill_columns(label: str, members: list[tuple[int, ...]]) -> str:
    columns = [sorted(set(column)) for column in zip(*members, strict=True)]
    grid_size = 1
    for column in columns:
        grid_size *= len(column)
    text = label
    for column in columns:
        text = text.replace("*", _format_values(tuple(column)), 1)
    if grid_size == len(set(members)):
        return text
    return f"{text} ({len(set(members))} of {grid_size})"


def list_first_names(names: Sequence[str], max_patterns: int = 3) -> str:
    """The first few names, folded, and how many patterns more."""
    patterns = fold_columns(names)
    remaining_count = len(patterns) - max_patterns
    return ", ".join(patterns[:max_patterns]) + (
        f" and {remaining_count} more" if remaining_count > 0 else ""
    )


def format_shape(shape: Sequence[int]) -> str:
    return "[" + ", ".join(map(str, shape)) + "]"


def format_count(number: int, noun: str) -> str:
    """`1 tensor`, `2,000 tensors`, `3 entries`, `2 matrices`."""
    if number == 1:
        return f"1 {noun}"
    return f"{number:,} {_make_plural(noun)}"


def _make_plural(noun: str) -> str:
    if noun.endswith("matrix"):
        return f"{noun[:-2]}ices"
    if noun.endswith("y") and noun[-2:-1] not in VOWELS:
        return f"{noun[:-1]}ies"
    if noun.endswith(("s", "x", "ch", "sh")):
        return f"{noun}es"
    return f"{noun}s"
