"""What an alignment says about names: one change of prefix, renamed patterns, and tensors that changed places.

Names propose where each tensor of `a` should be on side `b`; content says where it is. Where the two disagree in a closed
cycle (x is at y's place and y at x's), tensors were exchanged.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass

import numpy as np

from auscult.align.naming import pattern, split_prefix, stem_of
from auscult.align.records import Match
from auscult.rules.diff.subject import DiffSubject
from auscult.verdict import Equality

MIN_PREFIX_SHARE = 0.5


@dataclass(frozen=True)
class Correspondence:
    """How the names of the two sides correspond.

    Attributes:
        prefix: What stands before a's names and before b's, where it differs; None where it does not.
        prefixed: The matches that this change of prefix explains.
        renamed: Matches whose names differ beyond that.
        swapped: Groups of matches whose tensors stand in each other's places.
    """

    prefix: tuple[str, str] | None
    prefixed: tuple[Match, ...]
    renamed: tuple[Match, ...]
    swapped: tuple[tuple[Match, ...], ...]


Places = dict[int, tuple[str, str]]
"""By the place of a match in the alignment: the name where a's tensor is expected on side b, and where it is."""


def correspondence(subject: DiffSubject) -> Correspondence:
    """Read prefix, renames and exchanges off the pairs of an alignment."""
    matches = subject.alignment.matches
    pairs = {index: stems for index, match in enumerate(matches) if (stems := _stems(match))}
    prefix = _common_prefix(list(pairs.values()))
    head, other = prefix or ("", "")
    strips = {index for index, (a, _) in pairs.items() if prefix and a.startswith(head)}
    off: Places = {}
    for index, (a, b) in pairs.items():
        expected = other + a.removeprefix(head) if index in strips else a
        if expected != b:
            off[index] = (expected, b)
    swapped = _cycles(subject, off)
    exchanged = {index for group in swapped for index in group}
    off = {index: names for index, names in off.items() if index not in exchanged}
    usual = _usual_places(off)
    swapped += _cycles(
        subject,
        {index: (usual[index], off[index][1]) for index in off if usual[index] != off[index][1]},
    )
    crossed = {index for group in swapped for index in group}
    return Correspondence(
        prefix,
        tuple(matches[index] for index in sorted(strips - crossed) if head != other),
        tuple(matches[index] for index in off if index not in crossed),
        tuple(tuple(matches[index] for index in group) for group in swapped),
    )


def _stems(match: Match) -> tuple[str, str] | None:
    """The fused names of both sides, where each side stores one parameter; None for q, k, v in one and the like."""
    if match.a == match.b and len(match.a) == 1:
        stem = stem_of(match.a)
        return stem, stem
    a, b = {stem_of((name,)) for name in match.a}, {stem_of((name,)) for name in match.b}
    if len(a) != 1 or len(b) != 1:
        return None
    same_parts = (
        len(match.a) == len(match.b) == 1
        and a == b
        and match.a != match.b
        and _halves_differ(match)
    )
    return None if same_parts else (a.pop(), b.pop())


def _halves_differ(match: Match) -> bool:
    """Whether a g stands for a v, which `weight-norm-swapped` reports."""
    return match.a[0].endswith(("_g", "original0")) != match.b[0].endswith(("_g", "original0"))


def _common_prefix(pairs: list[tuple[str, str]]) -> tuple[str, str] | None:
    """The one change of prefix by which at least half of the names differ."""
    votes = Counter(split_prefix(a, b) for a, b in pairs)
    for (head, other), count in votes.most_common(3):
        if (
            head != other
            and not pattern(head)[1]
            and not pattern(other)[1]
            and count >= max(2, MIN_PREFIX_SHARE * len(pairs))
        ):
            return head, other
    return None


def _usual_places(pairs: Places) -> dict[int, str]:
    """Where each renamed tensor would be if it went where most tensors of its pattern go, under its own indices."""
    targets: dict[str, Counter[str]] = defaultdict(Counter)
    keeps: Counter[str] = Counter()
    for a, b in pairs.values():
        targets[pattern(a)[0]][pattern(b)[0]] += 1
        keeps[pattern(a)[0]] += pattern(a)[1] == pattern(b)[1]
    result = {}
    for index, (a, b) in pairs.items():
        label, indices = pattern(a)
        (usual, count), total = targets[label].most_common(1)[0], targets[label].total()
        confident = (
            usual.count("*") == len(indices) and count * 2 > total and keeps[label] * 2 > total
        )
        result[index] = _filled(usual, indices) if confident else b
    return result


def _filled(label: str, indices: tuple[int, ...]) -> str:
    for index in indices:
        label = label.replace("*", str(index), 1)
    return label


def _cycles(subject: DiffSubject, places: Places) -> tuple[tuple[int, ...], ...]:
    """Groups of matches whose expected places are each other's actual places, and whose contents differ."""
    by_expected = {expected: index for index, (expected, _) in places.items()}
    seen: set[int] = set()
    groups = []
    for start in places:
        cycle: list[int] = []
        current: int | None = start
        while current is not None and current not in seen:
            seen.add(current)
            cycle.append(current)
            current = by_expected.get(places[current][1])
        if current == start and len(cycle) > 1 and _contents_differ(subject, cycle):
            groups.append(tuple(cycle))
    return tuple(groups)


def _contents_differ(subject: DiffSubject, cycle: list[int]) -> bool:
    """Whether the tensors of a cycle are equal elsewhere and not all alike (zero biases may stand in any order)."""
    matches = [subject.alignment.matches[index] for index in cycle]
    if any(match.equality is Equality.DIFFERENT for match in matches):
        return False
    first = [subject.b[name].numpy() for name in matches[0].b]
    return any(
        not all(
            one.shape == subject.b[name].shape and np.array_equal(one, subject.b[name].numpy())
            for one, name in zip(first, match.b, strict=False)
        )
        for match in matches[1:]
    )
