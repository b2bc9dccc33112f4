"""Entries whose names differ only in numbers, folded into one rule: `ups.0.weight` ... `ups.3.weight` as `ups.{i}.weight`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from auscult.recipe.entry import Entry
from auscult.recipe.op import Op

LOOP_LETTERS = "ijklmnpqrs"
NameNumbers = tuple[int, ...]


@dataclass(frozen=True)
class EntryGroup:
    """Entries of one form.

    Attributes:
        sources: Name templates with `{i}`, `{j}` for the loop variables; such a variable may come with an offset, `{i - 1}`.
        letters: The loop variables.
        values: What they take, one tuple for each entry, in order.
    """

    sources: tuple[str, ...]
    targets: tuple[str, ...]
    ops: tuple[Op, ...]
    letters: str = ""
    values: tuple[NameNumbers, ...] = ((),)

    @property
    def keeps_names(self) -> bool:
        return self.sources == self.targets

    def format_loops(self) -> list[tuple[str, str]]:
        """`for` headers, outermost first, as (variables, iterable); none for a single entry."""
        if not self.letters:
            return []
        axes = [sorted({value[k] for value in self.values}) for k in range(len(self.letters))]
        product = 1
        for axis in axes:
            product *= len(axis)
        if product == len(self.values):
            return [
                (letter, _format_iterable(axis))
                for letter, axis in zip(self.letters, axes, strict=True)
            ]
        rows = ", ".join(str(value) if len(value) > 1 else str(value[0]) for value in self.values)
        return [(", ".join(self.letters), f"({rows},)")]


def fold_entries(entries: Sequence[Entry]) -> list[EntryGroup]:
    """Entries in groups, each as large as one rule can say, in the order of their first entries."""
    forms: dict[tuple[tuple[str, ...], tuple[str, ...], tuple[Op, ...]], list[Entry]] = {}
    for entry in entries:
        key = (
            tuple(map(_mask_numbers, entry.sources)),
            tuple(map(_mask_numbers, entry.targets)),
            entry.ops,
        )
        forms.setdefault(key, []).append(entry)
    return [group for same_form in forms.values() for group in _fold_same_form(same_form)]


def _fold_same_form(same_form: list[Entry]) -> list[EntryGroup]:
    single = [EntryGroup(entry.sources, entry.targets, entry.ops) for entry in same_form]
    if len(same_form) == 1:
        return single
    rows = [_extract_numbers(entry.sources) for entry in same_form]
    varying_columns = [k for k in range(len(rows[0])) if len({row[k] for row in rows}) > 1]
    free: list[int] = []  # numbers that always agree share a variable
    owner: dict[int, int] = {}
    for k in varying_columns:
        twin = next(
            (free_place for free_place in free if all(row[free_place] == row[k] for row in rows)),
            None,
        )
        if twin is None:
            free.append(k)
        owner[k] = k if twin is None else twin
    target_rows = [_extract_numbers(entry.targets) for entry in same_form]
    fields: list[str] = []
    for k in range(len(target_rows[0])):
        field = _relate_column([row[k] for row in target_rows], rows, free)
        if field is None:
            return single
        fields.append(field)
    if not free or len(free) > len(LOOP_LETTERS):
        return single
    letters = LOOP_LETTERS[: len(free)]
    letter_of = dict(zip(free, letters, strict=True))
    source_fields = [
        f"{{{letter_of[owner[k]]}}}" if k in owner else str(rows[0][k]) for k in range(len(rows[0]))
    ]
    target_fields = [
        field.format(**{f"n{k}": letter_of[k] for k in free}) if "n" in field else field
        for field in fields
    ]
    values = tuple(tuple(row[k] for k in free) for row in rows)
    return [
        EntryGroup(
            _fill_numbers(same_form[0].sources, source_fields),
            _fill_numbers(same_form[0].targets, target_fields),
            same_form[0].ops,
            letters,
            values,
        )
    ]


def _relate_column(column: list[int], rows: list[NameNumbers], free: list[int]) -> str | None:
    """How a number of the target follows from those of the sources: the same, a constant, or with a fixed offset."""
    for k in free:
        if all(value == row[k] for value, row in zip(column, rows, strict=True)):
            return f"{{{{{{n{k}}}}}}}"
    if len(set(column)) == 1:
        return str(column[0])
    for k in free:
        offsets = {value - row[k] for value, row in zip(column, rows, strict=True)}
        if len(offsets) == 1:
            offset = offsets.pop()
            return f"{{{{{{n{k}}} {'+' if offset > 0 else '-'} {abs(offset)}}}}}"
    return None


def _mask_numbers(name: str) -> str:
    return re.sub(r"\d+", "#", name.replace("#", "##"))


def _extract_numbers(names: Sequence[str]) -> NameNumbers:
    return tuple(int(number) for name in names for number in re.findall(r"\d+", name))


def _fill_numbers(names: Sequence[str], fields: Sequence[str]) -> tuple[str, ...]:
    """The names with their numbers replaced, braces of the name itself doubled."""
    values = iter(fields)
    return tuple(
        re.sub(r"\d+", lambda _: next(values), name.replace("{", "{{").replace("}", "}}"))
        for name in names
    )


def _format_iterable(values: list[int]) -> str:
    if values == list(range(values[0], values[-1] + 1)) and len(values) > 1:
        if values[0] == 0:
            return f"range({values[-1] + 1})"
        return f"range({values[0]}, {values[-1] + 1})"
    if len(values) == 1:
        return f"({', '.join(map(str, values))},)"
    return str(tuple(values))
