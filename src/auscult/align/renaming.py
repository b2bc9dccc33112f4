"""What two sides call the same modules, learnt from pairs that content has matched.

Each pair is reduced to what its names do not share at the end (`generator.ups.0.weight` and `ups.0.weight` to `generator`
and nothing), and to the indices in it. Pairs of one pattern then tell how an index on one side follows from those on the
other: the same, one more or less (`block1` and `blocks.0`), half (`condnet.4` and `condnet.2`), or, where no rule fits, as
listed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

NameIndices = tuple[int, ...]
IndexRows = dict[NameIndices, NameIndices]
NameMiddle = tuple[tuple[str, ...], tuple[str, ...]]

_DIGITS = re.compile(r"\d+")
MAX_MIDDLES = 64
_INDEX_LETTERS = "ijklmnpq"
_INDEX_RELATIONS: tuple[tuple[str, Callable[[int], int]], ...] = (
    ("{}", lambda index: index),
    ("{}-1", lambda index: index - 1),
    ("{}+1", lambda index: index + 1),
    ("{}/2", lambda index: index // 2),
    ("2{}", lambda index: index * 2),
)


@dataclass(frozen=True)
class NamePattern:
    """Names whose beginning has the form `a` (with `{}` for each index) begin with the form `b` on the other side.

    Attributes:
        rows: The indices seen, from side a to side b.
        count: Pairs that follow it.
        relations: Per index of `b`: (which index of `a`, which relation), or its fixed value; None where no rule fits.
    """

    a: str
    b: str
    rows: IndexRows
    count: int
    relations: tuple[tuple[int, int] | int, ...] | None

    def rename(self, indices: NameIndices) -> str | None:
        """The beginning on side b for the indices on side a; None if these were never seen and no rule covers them."""
        if indices in self.rows:
            return self.b.format(*self.rows[indices])
        if self.relations is None:
            return None
        result = []
        for relation in self.relations:
            if isinstance(relation, int):
                value = relation
            else:
                value = _INDEX_RELATIONS[relation[1]][1](indices[relation[0]])
            result.append(value)
        if all(value >= 0 for value in result):
            return self.b.format(*result)
        return None

    @cached_property
    def constant_indices(self) -> tuple[int | None, ...]:
        """Per index of `a`, its value where all pairs have the same; None where it varies, or for a lone pair."""
        columns = list(zip(*self.rows, strict=True))
        return tuple(
            column[0] if len(self.rows) > 1 and len(set(column)) == 1 else None
            for column in columns
        )

    def count_strange_indices(self, indices: NameIndices) -> int:
        """How many indices differ from what all pairs of the pattern have in common; -1 for indices seen before."""
        if indices in self.rows:
            return -1
        return sum(
            value is not None and value != index
            for value, index in zip(self.constant_indices, indices, strict=True)
        )

    def format_forms(self) -> tuple[str, str]:
        """Both forms with a letter for each index that varies."""
        letters = [
            _INDEX_LETTERS[position] if position < len(_INDEX_LETTERS) else f"i{position}"
            for position in range(self.a.count("{}"))
        ]
        fields_a = [
            "{" + letter + "}" if value is None else str(value)
            for letter, value in zip(letters, self.constant_indices, strict=True)
        ]
        columns = list(zip(*self.rows.values(), strict=True))
        fields_b = []
        for position, column in enumerate(columns):
            relation = self.relations[position] if self.relations else "…"
            if len(self.rows) > 1 and len(set(column)) == 1:
                fields_b.append(str(column[0]))
            elif isinstance(relation, tuple):
                fields_b.append(
                    "{" + _INDEX_RELATIONS[relation[1]][0].format(letters[relation[0]]) + "}"
                )
            elif isinstance(relation, str):
                fields_b.append("{" + relation + "}")
            else:
                fields_b.append(str(relation))
        return self.a.format(*fields_a), self.b.format(*fields_b)


@dataclass(frozen=True)
class Renaming:
    """Everything learnt about names. What more pairs follow comes first.

    Attributes:
        patterns: By the form of a name's beginning on side a.
        middles: Dotted parts without an index that are replaced wherever they stand, such as `attn1.to_q`, and how often.
    """

    patterns: dict[str, tuple[NamePattern, ...]]
    middles: tuple[tuple[NameMiddle, int], ...] = ()

    @classmethod
    def of(cls, pairs: Iterable[tuple[str, str]]) -> Renaming:
        """Learn from (name on side a, name on side b)."""
        groups: dict[tuple[str, str], IndexRows] = {}
        counts: dict[tuple[str, str], int] = {}
        for a, b in pairs:
            if a == b:
                groups.setdefault(("", ""), {})[()] = ()
                counts["", ""] = counts.get(("", ""), 0) + 1
                continue
            beginning_a, beginning_b = _strip_shared_ending(a, b)
            (form_a, indices_a), (form_b, indices_b) = (
                _to_index_form(beginning_a),
                _to_index_form(beginning_b),
            )
            groups.setdefault((form_a, form_b), {}).setdefault(indices_a, indices_b)
            counts[form_a, form_b] = counts.get((form_a, form_b), 0) + 1
        patterns_by_form: dict[str, list[NamePattern]] = {}
        for (form_a, form_b), rows in groups.items():
            patterns_by_form.setdefault(form_a, []).append(
                NamePattern(
                    form_a, form_b, rows, counts[form_a, form_b], _find_index_relations(rows)
                )
            )
        patterns = {
            form: tuple(sorted(form_patterns, key=lambda pattern: -pattern.count))
            for form, form_patterns in patterns_by_form.items()
        }
        return cls(
            patterns,
            _collect_middles(
                pattern for form_patterns in patterns.values() for pattern in form_patterns
            ),
        )

    @cached_property
    def lengths(self) -> tuple[int, ...]:
        """How many dotted parts the known beginnings have, the longest first."""
        return tuple(
            sorted({form.count(".") + 1 if form else 0 for form in self.patterns}, reverse=True)
        )

    def predict_names(self, name: str) -> Iterator[str]:
        """Names that `name` may have on the other side, the most specific rule first."""
        yield from (predicted_name for predicted_name, _ in self.iter_votes(name))

    def iter_votes(self, name: str) -> Iterator[tuple[str, int]]:
        """`predict`, with how many pairs each rule rests on."""
        parts = name.split(".")
        for part_count in self.lengths:
            if part_count > len(parts):
                continue
            form, indices = _to_index_form(".".join(parts[:part_count]))
            form_patterns = self.patterns.get(form, ())
            for pattern in _sort_by_strangeness(form_patterns, indices):
                beginning = pattern.rename(indices)
                if beginning is not None:
                    remaining_parts = parts[part_count:]
                    if beginning:
                        remaining_parts.insert(0, beginning)
                    yield ".".join(remaining_parts), pattern.count
        for (old, new), count in self.middles:
            for start in range(len(parts) - len(old) + 1):
                if tuple(parts[start : start + len(old)]) == old:
                    yield ".".join([*parts[:start], *new, *parts[start + len(old) :]]), count


def _sort_by_strangeness(
    patterns: Sequence[NamePattern], indices: NameIndices
) -> Sequence[NamePattern]:
    """Patterns that have seen more of these indices first."""
    if len(patterns) < 2:
        return patterns
    return sorted(patterns, key=lambda pattern: pattern.count_strange_indices(indices))


def _strip_shared_ending(a: str, b: str) -> tuple[str, str]:
    """What is left of two dotted names without the parts that they share at the end."""
    parts_a, parts_b = a.split("."), b.split(".")
    shared = 0
    while shared < min(len(parts_a), len(parts_b)) and parts_a[-1 - shared] == parts_b[-1 - shared]:
        shared += 1
    return ".".join(parts_a[: len(parts_a) - shared]), ".".join(parts_b[: len(parts_b) - shared])


def _to_index_form(text: str) -> tuple[str, NameIndices]:
    if "{" in text or "}" in text:  # a name may hold anything; braces would be taken for indices
        return text.replace("{", "{{").replace("}", "}}"), ()
    return _DIGITS.sub("{}", text), tuple(int(index) for index in _DIGITS.findall(text))


def _find_index_relations(rows: IndexRows) -> tuple[tuple[int, int] | int, ...] | None:
    """For each index on side b, the first relation that holds in all rows."""
    pairs = list(rows.items())
    relations: list[tuple[int, int] | int] = []
    for position in range(len(pairs[0][1])):
        values_b = [indices_b[position] for _, indices_b in pairs]
        fitting_relations = (
            (source, relation_index)
            for relation_index, (_, relation) in enumerate(_INDEX_RELATIONS)
            for source in range(len(pairs[0][0]))
            if all(
                relation(indices_a[source]) == value
                for (indices_a, _), value in zip(pairs, values_b, strict=True)
            )
        )
        relation = next(fitting_relations, None)
        if relation is None and len(set(values_b)) > 1:
            return None
        if relation is None:
            relations.append(values_b[0])
        else:
            relations.append(relation)
    return tuple(relations)


def _collect_middles(patterns: Iterable[NamePattern]) -> tuple[tuple[NameMiddle, int], ...]:
    """The differing parts of the patterns in which no index varies, by how many pairs follow them."""
    middle_counts: dict[NameMiddle, int] = {}
    for pattern in patterns:
        form_a, form_b = pattern.format_forms()
        a, b = form_a.split("."), form_b.split(".")
        while a and b and a[0] == b[0]:
            a, b = a[1:], b[1:]
        if any(a) and any(b) and not any("{" in part for part in a + b):
            middle_counts[tuple(a), tuple(b)] = (
                middle_counts.get((tuple(a), tuple(b)), 0) + pattern.count
            )
    return tuple(sorted(middle_counts.items(), key=lambda item: -item[1])[:MAX_MIDDLES])
