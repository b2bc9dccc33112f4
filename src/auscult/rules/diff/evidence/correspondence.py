"""What an alignment says about names: one change of prefix, renamed patterns, and tensors that changed places.

Names propose where each tensor of `a` should be on side `b`; content says where it is. Where the two disagree in a closed
cycle (x is at y's place and y at x's), tensors were exchanged.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass

import numpy as np

from auscult.align.naming import get_fused_name, split_indices, split_prefix
from auscult.align.records import Match
from auscult.rules.diff.subject import DiffSubject
from auscult.verdict import Equality

MIN_PREFIX_SHARE = 0.5


@dataclass(frozen=True)
class NameCorrespondence:
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


ExpectedNames = dict[int, tuple[str, str]]
"""By the place of a match in the alignment: the name where a's tensor is expected on side b, and where it is."""


def find_correspondence(subject: DiffSubject) -> NameCorrespondence:
    """Read prefix, renames and exchanges off the pairs of an alignment."""
    matches = subject.alignment.matches
    pairs = {
        index: stems for index, match in enumerate(matches) if (stems := _extract_stems(match))
    }
    prefix = _find_common_prefix(list(pairs.values()))
    prefix_a, prefix_b = prefix or ("", "")
    prefixed_indices = {
        index for index, (a, _) in pairs.items() if prefix and a.startswith(prefix_a)
    }
    misplaced: ExpectedNames = {}
    for index, (a, b) in pairs.items():
        if index in prefixed_indices:
            expected_name = prefix_b + a.removeprefix(prefix_a)
        else:
            expected_name = a
        if expected_name != b:
            misplaced[index] = (expected_name, b)
    swapped_groups = _find_cycles(subject, misplaced)
    exchanged_indices = {index for group in swapped_groups for index in group}
    misplaced = {
        index: name_pair for index, name_pair in misplaced.items() if index not in exchanged_indices
    }
    usual_names = _predict_usual_names(misplaced)
    swapped_groups += _find_cycles(
        subject,
        {
            index: (usual_names[index], misplaced[index][1])
            for index in misplaced
            if usual_names[index] != misplaced[index][1]
        },
    )
    crossed_indices = {index for group in swapped_groups for index in group}
    return NameCorrespondence(
        prefix,
        tuple(
            matches[index]
            for index in sorted(prefixed_indices - crossed_indices)
            if prefix_a != prefix_b
        ),
        tuple(matches[index] for index in misplaced if index not in crossed_indices),
        tuple(tuple(matches[index] for index in group) for group in swapped_groups),
    )


def _extract_stems(match: Match) -> tuple[str, str] | None:
    """The fused names of both sides, where each side stores one parameter; None for q, k, v in one and the like."""
    if match.a == match.b and len(match.a) == 1:
        stem = get_fused_name(match.a)
        return stem, stem
    a, b = (
        {get_fused_name((name,)) for name in match.a},
        {get_fused_name((name,)) for name in match.b},
    )
    if len(a) != 1 or len(b) != 1:
        return None
    is_other_half = (
        len(match.a) == len(match.b) == 1
        and a == b
        and match.a != match.b
        and _is_other_half(match)
    )
    if is_other_half:
        return None
    return (a.pop(), b.pop())


def _is_other_half(match: Match) -> bool:
    """Whether a g stands for a v, which `weight-norm-swapped` reports."""
    return match.a[0].endswith(("_g", "original0")) != match.b[0].endswith(("_g", "original0"))


def _find_common_prefix(pairs: list[tuple[str, str]]) -> tuple[str, str] | None:
    """The one change of prefix by which at least half of the names differ."""
    votes = Counter(split_prefix(a, b) for a, b in pairs)
    for (prefix_a, prefix_b), count in votes.most_common(3):
        if (
            prefix_a != prefix_b
            and not split_indices(prefix_a)[1]
            and not split_indices(prefix_b)[1]
            and count >= max(2, MIN_PREFIX_SHARE * len(pairs))
        ):
            return prefix_a, prefix_b
    return None


def _predict_usual_names(pairs: ExpectedNames) -> dict[int, str]:
    """Where each renamed tensor would be if it went where most tensors of its pattern go, under its own indices."""
    targets: dict[str, Counter[str]] = defaultdict(Counter)
    kept_index_counts: Counter[str] = Counter()
    for a, b in pairs.values():
        targets[split_indices(a)[0]][split_indices(b)[0]] += 1
        kept_index_counts[split_indices(a)[0]] += split_indices(a)[1] == split_indices(b)[1]
    result = {}
    for index, (a, b) in pairs.items():
        label, indices = split_indices(a)
        (usual_label, count), total = targets[label].most_common(1)[0], targets[label].total()
        is_confident = (
            usual_label.count("*") == len(indices)
            and count * 2 > total
            and kept_index_counts[label] * 2 > total
        )
        result[index] = _fill_indices(usual_label, indices) if is_confident else b
    return result


def _fill_indices(label: str, indices: tuple[int, ...]) -> str:
    for index in indices:
        label = label.replace("*", str(index), 1)
    return label


def _find_cycles(
    subject: DiffSubject, expected_names: ExpectedNames
) -> tuple[tuple[int, ...], ...]:
    """Groups of matches whose expected places are each other's actual places, and whose contents differ."""
    by_expected = {expected: index for index, (expected, _) in expected_names.items()}
    visited_indices: set[int] = set()
    groups = []
    for start in expected_names:
        cycle: list[int] = []
        current: int | None = start
        while current is not None and current not in visited_indices:
            visited_indices.add(current)
            cycle.append(current)
            current = by_expected.get(expected_names[current][1])
        if current == start and len(cycle) > 1 and _has_different_contents(subject, cycle):
            groups.append(tuple(cycle))
    return tuple(groups)


def _has_different_contents(subject: DiffSubject, cycle: list[int]) -> bool:
    """Whether the tensors of a cycle are equal elsewhere and not all alike (zero biases may stand in any order)."""
    matches = [subject.alignment.matches[index] for index in cycle]
    if any(match.equality is Equality.DIFFERENT for match in matches):
        return False
    first_arrays = [subject.b[name].numpy() for name in matches[0].b]
    return any(
        not all(
            first_array.shape == subject.b[name].shape
            and np.array_equal(first_array, subject.b[name].numpy())
            for first_array, name in zip(first_arrays, match.b, strict=False)
        )
        for match in matches[1:]
    )
