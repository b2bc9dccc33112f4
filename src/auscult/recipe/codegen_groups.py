"""Entries whose names differ only in numbers, folded into one rule: `ups.0.weight` ... `ups.3.weight` as `ups.{i}.weight`."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod

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
        axes = [sorted(set(column)) for column in zip(*self.values, strict=True)]
        if prod(map(len, axes)) == len(self.values):
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
    folded_group = _fold_into_rule(same_form)
    if folded_group is not None:
        return [folded_group]
    return [EntryGroup(entry.sources, entry.targets, entry.ops) for entry in same_form]


def _fold_into_rule(same_form: list[Entry]) -> EntryGroup | None:
    """All entries as one rule; None where nothing varies, or a number follows from no other."""
    source_columns = _collect_number_columns([entry.sources for entry in same_form])
    target_columns = _collect_number_columns([entry.targets for entry in same_form])
    varying_columns = [column for column in source_columns if len(set(column)) > 1]
    free_columns = list(dict.fromkeys(varying_columns))  # numbers that always agree share a letter
    if not free_columns or len(free_columns) > len(LOOP_LETTERS):
        return None
    loops = dict(zip(LOOP_LETTERS, free_columns, strict=False))
    source_fields = _relate_columns(source_columns, loops)
    target_fields = _relate_columns(target_columns, loops)
    if source_fields is None or target_fields is None:
        return None
    first_entry = same_form[0]
    return EntryGroup(
        _fill_numbers(first_entry.sources, source_fields),
        _fill_numbers(first_entry.targets, target_fields),
        first_entry.ops,
        "".join(loops),
        tuple(zip(*free_columns, strict=True)),
    )


def _collect_number_columns(names_of_entries: Sequence[Sequence[str]]) -> list[NameNumbers]:
    """For each number in the names, what it is in every entry."""
    return list(zip(*map(_extract_numbers, names_of_entries), strict=True))


def _relate_columns(
    columns: Sequence[NameNumbers], loops: Mapping[str, NameNumbers]
) -> list[str] | None:
    fields: list[str] = []
    for column in columns:
        field = _relate_column(column, loops)
        if field is None:
            return None
        fields.append(field)
    return fields


def _relate_column(column: NameNumbers, loops: Mapping[str, NameNumbers]) -> str | None:
    """How a number follows from the loop variables: the same, a constant, or with a fixed offset."""
    for letter, loop_values in loops.items():
        if column == loop_values:
            return f"{{{letter}}}"
    if len(set(column)) == 1:
        return str(column[0])
    for letter, loop_values in loops.items():
        offsets = {value - base for value, base in zip(column, loop_values, strict=True)}
        if len(offsets) == 1:
            offset = offsets.pop()
            sign = "+" if offset > 0 else "-"
            return f"{{{letter} {sign} {abs(offset)}}}"
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
