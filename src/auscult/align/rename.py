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
            counts[pattern.format_forms()] = counts.get(pattern.format_forms(), 0) + pattern.count
    reduced_counts: dict[tuple[str, str], int] = {}
    for (form_a, form_b), count in sorted(
        counts.items(), key=lambda item: (item[0][0].count("."), item[0])
    ):
        used_rules: list[tuple[str, str]] = []
        remaining_rule = _reduce_rule(form_a, form_b, list(reduced_counts), used_rules)
        if remaining_rule[0] != remaining_rule[1]:
            used_rules.append(remaining_rule)
        for key in used_rules:
            reduced_counts[key] = reduced_counts.get(key, 0) + count
    rules = [
        RenameRule(*_add_stars(form_a, form_b), count)
        for (form_a, form_b), count in reduced_counts.items()
    ]
    return tuple(sorted(rules, key=lambda rule: (-rule.count, rule.a, rule.b)))


def _reduce_rule(
    form_a: str,
    form_b: str,
    known_rules: Sequence[tuple[str, str]],
    used_rules: list[tuple[str, str]],
) -> tuple[str, str]:
    """Without what the two begin with in common, and without the shorter rules that they begin with (added to `used`)."""
    a, b = form_a.split("."), form_b.split(".")
    shared = 0
    while shared < min(len(a), len(b)) and a[shared] == b[shared]:
        shared += 1
    if 0 < shared < max(len(a), len(b)) and all(
        parts[shared : shared + 1] == [] or _is_index(parts[shared]) for parts in (a, b)
    ):
        shared -= 1  # an index alone says nothing: keep what it counts
    a, b = a[shared:], b[shared:]
    for rule_a, rule_b in known_rules:
        rule_parts_a, rule_parts_b = rule_a.split("."), rule_b.split(".")
        if (
            rule_a
            and rule_b
            and len(a) > len(rule_parts_a)
            and a[: len(rule_parts_a)] == rule_parts_a
            and b[: len(rule_parts_b)] == rule_parts_b
        ):
            used_rules.append((rule_a, rule_b))
            return _reduce_rule(
                ".".join(a[len(rule_parts_a) :]),
                ".".join(b[len(rule_parts_b) :]),
                known_rules,
                used_rules,
            )
    while a and b and a[-1] == b[-1]:
        a, b = a[:-1], b[:-1]
    return ".".join(a), ".".join(b)


def _is_index(part: str) -> bool:
    return part.isdigit() or part.startswith("{")


def _add_stars(form_a: str, form_b: str) -> tuple[str, str]:
    if form_a and form_b:
        return form_a, form_b
    return (f"{form_a}.*" if form_a else "*"), (f"{form_b}.*" if form_b else "*")
