"""Words of findings and reports: names folded by their numbers (`mrfs.{0..4}.weight`), counts with their noun."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

_NUMBER = re.compile(r"\d+")

Numbers = tuple[int, ...]


class Fold(NamedTuple):
    """A pattern, and how many names it stands for."""

    pattern: str
    size: int


def fold(names: Iterable[str]) -> list[Fold]:
    """Patterns that stand for exactly these names, each for one or more, in the order of their first names.

    A pattern lists the values of each number: `{0..4}` for a run, `{0,2}` for others. The patterns are disjoint, and a
    number with a leading zero stays as it is.
    """
    groups: dict[tuple[str, ...], dict[Numbers, None]] = {}
    for name in names:
        words, numbers = _cut(name)
        groups.setdefault(words, {})[numbers] = None
    return [
        Fold(_join(words, block), _extent(block))
        for words, rows in groups.items()
        for block in _blocks(list(rows))
    ]


def _cut(name: str) -> tuple[tuple[str, ...], Numbers]:
    words, numbers, last = [], [], 0
    for found in _NUMBER.finditer(name):
        if found.group().startswith("0") and len(found.group()) > 1:
            continue
        words.append(name[last : found.start()])
        numbers.append(int(found.group()))
        last = found.end()
    return (*words, name[last:]), tuple(numbers)


Block = tuple[tuple[int, ...], ...]


def _blocks(rows: list[Numbers]) -> list[Block]:
    """Disjoint products of value sets that together hold exactly these rows."""
    if not rows or not rows[0]:
        return [()]
    tails: dict[int, list[Numbers]] = {}
    for row in rows:
        tails.setdefault(row[0], []).append(row[1:])
    same: dict[frozenset[Numbers], list[int]] = {}
    for value, rest in tails.items():
        same.setdefault(frozenset(rest), []).append(value)
    return [
        (tuple(sorted(values)), *block)
        for values in same.values()
        for block in _blocks(tails[values[0]])
    ]


def _extent(block: Block) -> int:
    count = 1
    for values in block:
        count *= len(values)
    return count


def _join(words: tuple[str, ...], block: Block) -> str:
    return "".join(
        word + values for word, values in zip(words, (*map(_braces, block), ""), strict=True)
    )


def _braces(values: tuple[int, ...]) -> str:
    if len(values) == 1:
        return str(values[0])
    if len(values) > 2 and values[-1] - values[0] == len(values) - 1:
        return f"{{{values[0]}..{values[-1]}}}"
    if len(values) == 2 and values[1] - values[0] == 1:
        return f"{{{values[0]}..{values[1]}}}"
    return "{" + ",".join(map(str, values)) + "}"


def some(names: Iterable[str], most: int = 3) -> str:
    """The first few patterns, and how many names more."""
    folds = fold(names)
    rest = sum(part.size for part in folds[most:])
    return ", ".join(part.pattern for part in folds[:most]) + (f" and {rest} more" if rest else "")


def counted(number: int, noun: str) -> str:
    """`1 tensor`, `2,000 tensors`."""
    return f"1 {noun}" if number == 1 else f"{number:,} {noun}s"
