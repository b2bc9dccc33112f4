"""A renaming for a reader: the few rules that many pairs of names follow."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from auscult.align.renaming import Renaming


@dataclass(frozen=True)
class RenameRule:
    """A renaming for a reader: `encoders.{i}` on side a is `encoders_{i}` on side b, in `count` tensors."""

    a: str
    b: str
    count: int

    def __str__(self) -> str:
        return f"{self.a} → {self.b} ({self.count})"


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
    for (left, right), count in sorted(
        counts.items(), key=lambda item: (item[0][0].count("."), item[0])
    ):
        used: list[tuple[str, str]] = []
        rest = _reduce(left, right, list(reduced), used)
        for key in [*used, rest] if rest[0] != rest[1] else used:
            reduced[key] = reduced.get(key, 0) + count
    rules = [RenameRule(*_stars(left, right), count) for (left, right), count in reduced.items()]
    return tuple(sorted(rules, key=lambda rule: (-rule.count, rule.a, rule.b)))


def _reduce(
    left: str, right: str, known: Sequence[tuple[str, str]], used: list[tuple[str, str]]
) -> tuple[str, str]:
    """Without what the two begin with in common, and without the shorter rules that they begin with (added to `used`)."""
    a, b = left.split("."), right.split(".")
    shared = 0
    while shared < min(len(a), len(b)) and a[shared] == b[shared]:
        shared += 1
    if 0 < shared < max(len(a), len(b)) and all(
        rest[shared : shared + 1] == [] or _index(rest[shared]) for rest in (a, b)
    ):
        shared -= 1  # an index alone says nothing: keep what it counts
    a, b = a[shared:], b[shared:]
    for one, other in known:
        head, tail = one.split("."), other.split(".")
        if (
            one
            and other
            and len(a) > len(head)
            and a[: len(head)] == head
            and b[: len(tail)] == tail
        ):
            used.append((one, other))
            return _reduce(".".join(a[len(head) :]), ".".join(b[len(tail) :]), known, used)
    while a and b and a[-1] == b[-1]:
        a, b = a[:-1], b[:-1]
    return ".".join(a), ".".join(b)


def _index(part: str) -> bool:
    return part.isdigit() or part.startswith("{")


def _stars(left: str, right: str) -> tuple[str, str]:
    if left and right:
        return left, right
    return (f"{left}.*" if left else "*"), (f"{right}.*" if right else "*")
