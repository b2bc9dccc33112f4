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

Indices = tuple[int, ...]
Rows = dict[Indices, Indices]

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
class RenameRule:
    """A renaming for a reader: `encoders.{i}` on side a is `encoders_{i}` on side b, in `count` tensors."""

    a: str
    b: str
    count: int

    def __str__(self) -> str:
        return f"{self.a} → {self.b} ({self.count})"


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
            value = relation if isinstance(relation, int) else _RELATIONS[relation[1]][1](indices[relation[0]])
            result.append(value)
        return self.b.format(*result) if all(value >= 0 for value in result) else None

    def shown(self) -> tuple[str, str]:
        """Both forms with letters for the indices."""
        letters = [_LETTERS[place] if place < len(_LETTERS) else f"i{place}" for place in range(self.a.count("{}"))]
        left = self.a.format(*("{" + letter + "}" for letter in letters))
        if self.relations is None:
            return left, self.b.format(*(["{…}"] * self.b.count("{}")))
        right = []
        for relation in self.relations:
            if isinstance(relation, int):
                right.append(str(relation))
            else:
                right.append("{" + _RELATIONS[relation[1]][0].format(letters[relation[0]]) + "}")
        return left, self.b.format(*right)


@dataclass(frozen=True)
class Renaming:
    """Everything learnt about names. What more pairs follow comes first.

    Attributes:
        patterns: By the form of a name's beginning on side a.
        middles: Dotted parts without an index that are replaced wherever they stand, such as `attn1.to_q`.
    """

    patterns: dict[str, tuple[Pattern, ...]]
    middles: tuple[tuple[tuple[str, ...], tuple[str, ...]], ...] = ()

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
            found.setdefault(form_a, []).append(Pattern(form_a, form_b, rows, counts[form_a, form_b], _relations(rows)))
        patterns = {form: tuple(sorted(some, key=lambda pattern: -pattern.count)) for form, some in found.items()}
        return cls(patterns, _middles(counts))

    @cached_property
    def lengths(self) -> tuple[int, ...]:
        """How many dotted parts the known beginnings have, the longest first."""
        return tuple(sorted({form.count(".") + 1 if form else 0 for form in self.patterns}, reverse=True))

    def predict(self, name: str) -> Iterator[str]:
        """Names that `name` may have on the other side, the most specific rule first."""
        if not self.patterns:
            return
        parts = name.split(".")
        for cut in self.lengths:
            if cut > len(parts):
                continue
            form, indices = _form(".".join(parts[:cut]))
            for pattern in self.patterns.get(form, ()):
                beginning = pattern.rename(indices)
                if beginning is not None:
                    yield ".".join(([beginning] if beginning else []) + parts[cut:])
        for old, new in self.middles:
            for start in range(len(parts) - len(old) + 1):
                if tuple(parts[start : start + len(old)]) == old:
                    yield ".".join([*parts[:start], *new, *parts[start + len(old) :]])


def learn_renaming(pairs: Iterable[tuple[str, str]]) -> tuple[RenameRule, ...]:
    """The renaming between (name on side a, name on side b), in a few rules, the most frequent first.

    A rule is `generator.*` → `*` for a prefix, otherwise the parts that differ: `attn1.to_q` → `attn.query_proj`. Names
    that are the same on both sides give no rule.
    """
    counts: dict[tuple[str, str], int] = {}
    for patterns in Renaming.of((a, b) for a, b in pairs if a != b).patterns.values():
        for pattern in patterns:
            counts[pattern.shown()] = counts.get(pattern.shown(), 0) + pattern.count
    reduced: dict[tuple[str, str], int] = {}
    for (left, right), count in sorted(counts.items(), key=lambda item: (item[0][0].count("."), item[0])):
        used: list[tuple[str, str]] = []
        rest = _reduce(left, right, list(reduced), used)
        for key in [*used, rest] if rest[0] != rest[1] else used:
            reduced[key] = reduced.get(key, 0) + count
    rules = [RenameRule(*_stars(left, right), count) for (left, right), count in reduced.items()]
    return tuple(sorted(rules, key=lambda rule: (-rule.count, rule.a, rule.b)))


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
            if all(relation(left[source]) == value for (left, _), value in zip(pairs, wanted, strict=True))
        )
        relation = next(options, None)
        if relation is None and len(set(wanted)) > 1:
            return None
        found.append(wanted[0] if relation is None else relation)
    return tuple(found)


def _middles(counts: dict[tuple[str, str], int]) -> tuple[tuple[tuple[str, ...], tuple[str, ...]], ...]:
    """The differing parts of the patterns that hold no index, by how many pairs follow them."""
    found: dict[tuple[tuple[str, ...], tuple[str, ...]], int] = {}
    for (left, right), count in counts.items():
        a, b = left.split("."), right.split(".")
        while a and b and a[0] == b[0]:
            a, b = a[1:], b[1:]
        if any(a) and any(b) and not any("{" in part for part in a + b):
            found[tuple(a), tuple(b)] = found.get((tuple(a), tuple(b)), 0) + count
    return tuple(sorted(found, key=lambda middle: -found[middle])[:MAX_MIDDLES])


def _reduce(left: str, right: str, known: Sequence[tuple[str, str]], used: list[tuple[str, str]]) -> tuple[str, str]:
    """Without what the two begin with in common, and without the shorter rules that they begin with (added to `used`)."""
    a, b = left.split("."), right.split(".")
    while a and b and a[0] == b[0]:
        a, b = a[1:], b[1:]
    for one, other in known:
        head, tail = one.split("."), other.split(".")
        if one and other and len(a) > len(head) and a[: len(head)] == head and b[: len(tail)] == tail:
            used.append((one, other))
            return _reduce(".".join(a[len(head) :]), ".".join(b[len(tail) :]), known, used)
    while a and b and a[-1] == b[-1]:
        a, b = a[:-1], b[:-1]
    return ".".join(a), ".".join(b)


def _stars(left: str, right: str) -> tuple[str, str]:
    if left and right:
        return left, right
    return (f"{left}.*" if left else "*"), (f"{right}.*" if right else "*")
