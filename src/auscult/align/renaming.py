"""What two sides call the same modules, learnt from pairs that content has matched.

Each pair is reduced to what its names do not share at the end (`generator.ups.0.weight` and `ups.0.weight` to `generator`
and nothing), and to the indices in it. Pairs of one pattern then tell how an index on one side follows from those on the
other: the same, one more or less (`block1` and `blocks.0`), half (`condnet.4` and `condnet.2`), or, where no rule fits, as
listed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

Indices = tuple[int, ...]
Rows = dict[Indices, Indices]
Middle = tuple[tuple[str, ...], tuple[str, ...]]

_DIGITS = re.compile(r"\d+")
MAX_MIDDLES = 64
_LETTERS = "ijklmnpq"
_RELATIONS: tuple[tuple[str, Callable[[int], int]], ...] = (
    ("{}", lambda index: index),
    ("{}-1", lambda index: index - 1),
    ("{}+1", lambda index: index + 1),
    ("{}/2", lambda index: index // 2),
    ("2{}", lambda index: index * 2),
)


@dataclass(frozen=True)
class Pattern:
    """Names whose beginning has the form `a` (with `{}` for each index) begin with the form `b` on the other side.

    Attributes:
        rows: The indices seen, from side a to side b.
        count: Pairs that follow it.
        relations: Per index of `b`: (which index of `a`, which relation), or its fixed value; None where no rule fits.
    """

    a: str
    b: str
    rows: Rows
    count: int
    relations: tuple[tuple[int, int] | int, ...] | None

    def rename(self, indices: Indices) -> str | None:
        """The beginning on side b for the indices on side a; None if these were never seen and no rule covers them."""
        if indices in self.rows:
            return self.b.format(*self.rows[indices])
        if self.relations is None:
            return None
        result = []
        for relation in self.relations:
            value = (
                relation
                if isinstance(relation, int)
                else _RELATIONS[relation[1]][1](indices[relation[0]])
            )
            result.append(value)
        return self.b.format(*result) if all(value >= 0 for value in result) else None

    @cached_property
    def fixed(self) -> tuple[int | None, ...]:
        """Per index of `a`, its value where all pairs have the same; None where it varies, or for a lone pair."""
        columns = list(zip(*self.rows, strict=True))
        return tuple(
            column[0] if len(self.rows) > 1 and len(set(column)) == 1 else None
            for column in columns
        )

    def strangeness(self, indices: Indices) -> int:
        """How many indices differ from what all pairs of the pattern have in common; -1 for indices seen before."""
        if indices in self.rows:
            return -1
        return sum(
            value is not None and value != index
            for value, index in zip(self.fixed, indices, strict=True)
        )

    def shown(self) -> tuple[str, str]:
        """Both forms with a letter for each index that varies."""
        letters = [
            _LETTERS[place] if place < len(_LETTERS) else f"i{place}"
            for place in range(self.a.count("{}"))
        ]
        left = [
            "{" + letter + "}" if value is None else str(value)
            for letter, value in zip(letters, self.fixed, strict=True)
        ]
        columns = list(zip(*self.rows.values(), strict=True))
        right = []
        for place, column in enumerate(columns):
            relation = self.relations[place] if self.relations else "…"
            if len(self.rows) > 1 and len(set(column)) == 1:
                right.append(str(column[0]))
            elif isinstance(relation, tuple):
                right.append("{" + _RELATIONS[relation[1]][0].format(letters[relation[0]]) + "}")
            else:
                right.append("{" + relation + "}" if isinstance(relation, str) else str(relation))
        return self.a.format(*left), self.b.format(*right)


@dataclass(frozen=True)
class Renaming:
    """Everything learnt about names. What more pairs follow comes first.

    Attributes:
        patterns: By the form of a name's beginning on side a.
        middles: Dotted parts without an index that are replaced wherever they stand, such as `attn1.to_q`, and how often.
    """

    patterns: dict[str, tuple[Pattern, ...]]
    middles: tuple[tuple[Middle, int], ...] = ()

    @classmethod
    def of(cls, pairs: Iterable[tuple[str, str]]) -> Renaming:
        """Learn from (name on side a, name on side b)."""
        groups: dict[tuple[str, str], Rows] = {}
        counts: dict[tuple[str, str], int] = {}
        for a, b in pairs:
            if a == b:
                groups.setdefault(("", ""), {})[()] = ()
                counts["", ""] = counts.get(("", ""), 0) + 1
                continue
            left, right = _beginnings(a, b)
            (form_a, indices_a), (form_b, indices_b) = _form(left), _form(right)
            groups.setdefault((form_a, form_b), {}).setdefault(indices_a, indices_b)
            counts[form_a, form_b] = counts.get((form_a, form_b), 0) + 1
        found: dict[str, list[Pattern]] = {}
        for (form_a, form_b), rows in groups.items():
            found.setdefault(form_a, []).append(
                Pattern(form_a, form_b, rows, counts[form_a, form_b], _relations(rows))
            )
        patterns = {
            form: tuple(sorted(some, key=lambda pattern: -pattern.count))
            for form, some in found.items()
        }
        return cls(patterns, _middles(pattern for some in patterns.values() for pattern in some))

    @cached_property
    def lengths(self) -> tuple[int, ...]:
        """How many dotted parts the known beginnings have, the longest first."""
        return tuple(
            sorted({form.count(".") + 1 if form else 0 for form in self.patterns}, reverse=True)
        )

    def predict(self, name: str) -> Iterator[str]:
        """Names that `name` may have on the other side, the most specific rule first."""
        yield from (other for other, _ in self.votes(name))

    def votes(self, name: str) -> Iterator[tuple[str, int]]:
        """`predict`, with how many pairs each rule rests on."""
        parts = name.split(".")
        for cut in self.lengths:
            if cut > len(parts):
                continue
            form, indices = _form(".".join(parts[:cut]))
            known = self.patterns.get(form, ())
            for pattern in (
                known
                if len(known) < 2
                else sorted(known, key=lambda pattern: pattern.strangeness(indices))
            ):
                beginning = pattern.rename(indices)
                if beginning is not None:
                    yield ".".join(([beginning] if beginning else []) + parts[cut:]), pattern.count
        for (old, new), count in self.middles:
            for start in range(len(parts) - len(old) + 1):
                if tuple(parts[start : start + len(old)]) == old:
                    yield ".".join([*parts[:start], *new, *parts[start + len(old) :]]), count


def _beginnings(a: str, b: str) -> tuple[str, str]:
    """What is left of two dotted names without the parts that they share at the end."""
    left, right = a.split("."), b.split(".")
    shared = 0
    while shared < min(len(left), len(right)) and left[-1 - shared] == right[-1 - shared]:
        shared += 1
    return ".".join(left[: len(left) - shared]), ".".join(right[: len(right) - shared])


def _form(text: str) -> tuple[str, Indices]:
    if "{" in text or "}" in text:  # a name may hold anything; braces would be taken for indices
        return text.replace("{", "{{").replace("}", "}}"), ()
    return _DIGITS.sub("{}", text), tuple(int(index) for index in _DIGITS.findall(text))


def _relations(rows: Rows) -> tuple[tuple[int, int] | int, ...] | None:
    """For each index on side b, the first relation that holds in all rows."""
    pairs = list(rows.items())
    found: list[tuple[int, int] | int] = []
    for place in range(len(pairs[0][1])):
        wanted = [right[place] for _, right in pairs]
        options = (
            (source, kind)
            for kind, (_, relation) in enumerate(_RELATIONS)
            for source in range(len(pairs[0][0]))
            if all(
                relation(left[source]) == value
                for (left, _), value in zip(pairs, wanted, strict=True)
            )
        )
        relation = next(options, None)
        if relation is None and len(set(wanted)) > 1:
            return None
        found.append(wanted[0] if relation is None else relation)
    return tuple(found)


def _middles(patterns: Iterable[Pattern]) -> tuple[tuple[Middle, int], ...]:
    """The differing parts of the patterns in which no index varies, by how many pairs follow them."""
    found: dict[Middle, int] = {}
    for pattern in patterns:
        left, right = pattern.shown()
        a, b = left.split("."), right.split(".")
        while a and b and a[0] == b[0]:
            a, b = a[1:], b[1:]
        if any(a) and any(b) and not any("{" in part for part in a + b):
            found[tuple(a), tuple(b)] = found.get((tuple(a), tuple(b)), 0) + pattern.count
    return tuple(sorted(found.items(), key=lambda item: -item[1])[:MAX_MIDDLES])
