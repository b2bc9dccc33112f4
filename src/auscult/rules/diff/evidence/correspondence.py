"""What an alignment says about names: one change of prefix, renamed patterns, and tensors that changed places.

Names propose where each tensor of the source should be in the target; content says where it is. Where the two disagree in a
closed cycle (x is at y's place and y at x's), tensors were exchanged.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from auscult.align.naming import get_fused_name, split_prefix
from auscult.align.records import Match
from auscult.facts.weight_norm import is_gain_name
from auscult.facts.words import split_indices
from auscult.rules.diff.subject import DiffSubject
from auscult.verdict import Equality
from auscult.weights import Array

MIN_PREFIX_SHARE = 0.5
"""Share of the names that a change of prefix has to explain. Chosen, not measured: it only chooses between two names of one repair."""
MIN_PREFIXED_NAMES = 2
"""Names that a change of prefix has to explain. Chosen, not measured."""
MAX_TRIED_PREFIXES = 3
"""Changes of prefix that are tried, the most frequent first. Chosen, not measured."""


@dataclass(frozen=True)
class NameCorrespondence:
    """How the names of the two sides correspond.

    Attributes:
        prefix: What stands before the source's names and before the target's, where it differs; None where it does not.
        prefixed: The matches that this change of prefix explains.
        renamed: Matches whose names differ beyond that.
        swapped: Groups of matches whose tensors stand in each other's places.
    """

    prefix: tuple[str, str] | None
    prefixed: tuple[Match, ...]
    renamed: tuple[Match, ...]
    swapped: tuple[tuple[Match, ...], ...]


ExpectedNames = dict[int, tuple[str, str]]
"""By the place of a match in the alignment: the name at which the source's tensor is expected in the target, and where it is."""


def find_correspondence(subject: DiffSubject) -> NameCorrespondence:
    """Read prefix, renames and exchanges off the pairs of an alignment."""
    matches = subject.alignment.matches
    pairs = {
        index: stems
        for index, match in enumerate(matches)
        if (stems := _extract_stems(subject, match))
    }
    prefix = _find_common_prefix(list(pairs.values()))
    prefixed_indices: set[int] = set()
    if prefix is not None:
        prefixed_indices = {
            index for index, (source, _) in pairs.items() if source.startswith(prefix[0])
        }
    misplaced = _find_misplaced(pairs, prefix, prefixed_indices)
    swapped_groups = _find_cycles(subject, misplaced)
    exchanged_indices = {index for group in swapped_groups for index in group}
    misplaced = {
        index: name_pair for index, name_pair in misplaced.items() if index not in exchanged_indices
    }
    usual_names = _predict_usual_names(misplaced)
    unusual = {
        index: (usual_names[index], target)
        for index, (_, target) in misplaced.items()
        if usual_names[index] != target
    }
    swapped_groups += _find_cycles(subject, unusual)
    if (
        not swapped_groups
    ):  # names say which of a layer's tensors were exchanged, and neighbours do not
        swapped_groups += _group_marked_places(subject)
    crossed_indices = {index for group in swapped_groups for index in group}
    return NameCorrespondence(
        prefix,
        tuple(matches[index] for index in sorted(prefixed_indices - crossed_indices)),
        tuple(matches[index] for index in misplaced if index not in crossed_indices),
        tuple(tuple(matches[index] for index in group) for group in swapped_groups),
    )


def _group_marked_places(subject: DiffSubject) -> tuple[tuple[int, ...], ...]:
    """What the alignment found in other places than roles, layers and operators tell: cycles, and single tensors."""
    marked: ExpectedNames = {
        index: (str(match.evidence["expected"]), match.b[0])
        for index, match in enumerate(subject.alignment.matches)
        if match.cause == "swapped" and "expected" in match.evidence
    }
    groups = _find_cycles(subject, marked)
    lone_indices = marked.keys() - {index for group in groups for index in group}
    return (*groups, *((index,) for index in sorted(lone_indices)))


def _find_misplaced(
    pairs: Mapping[int, tuple[str, str]],
    prefix: tuple[str, str] | None,
    prefixed_indices: set[int],
) -> ExpectedNames:
    """The pairs that are not where their names say, once the change of prefix is made."""
    source_prefix, target_prefix = prefix or ("", "")
    misplaced: ExpectedNames = {}
    for index, (source, target) in pairs.items():
        expected_name = source
        if index in prefixed_indices:
            expected_name = target_prefix + source.removeprefix(source_prefix)
        if expected_name != target:
            misplaced[index] = (expected_name, target)
    return misplaced


def _extract_stems(subject: DiffSubject, match: Match) -> tuple[str, str] | None:
    """The fused names of source and target, where each side stores one parameter; None for q, k, v in one and the like."""
    if match.a == match.b and len(match.a) == 1:
        stem = get_fused_name(match.a)
        return stem, stem
    source_stems = {get_fused_name((name,)) for name in subject.source_names(match)}
    target_stems = {get_fused_name((name,)) for name in subject.target_names(match)}
    if len(source_stems) != 1 or len(target_stems) != 1:
        return None
    is_single_pair = len(match.a) == len(match.b) == 1
    if is_single_pair and source_stems == target_stems and _is_other_half(match):
        return None
    return source_stems.pop(), target_stems.pop()


def _is_other_half(match: Match) -> bool:
    """Whether a g stands for a v, which `weight-norm-swapped` reports."""
    return is_gain_name(match.a[0]) != is_gain_name(match.b[0])


def _find_common_prefix(pairs: list[tuple[str, str]]) -> tuple[str, str] | None:
    """The one change of prefix by which at least half of the names differ."""
    votes = Counter(split_prefix(source, target) for source, target in pairs)
    min_count = max(MIN_PREFIXED_NAMES, MIN_PREFIX_SHARE * len(pairs))
    for (source_prefix, target_prefix), count in votes.most_common(MAX_TRIED_PREFIXES):
        has_indices = split_indices(source_prefix)[1] or split_indices(target_prefix)[1]
        if source_prefix != target_prefix and not has_indices and count >= min_count:
            return source_prefix, target_prefix
    return None


def _predict_usual_names(pairs: ExpectedNames) -> dict[int, str]:
    """Where each renamed tensor would be if it went where most tensors of its pattern go, under its own indices."""
    targets: dict[str, Counter[str]] = defaultdict(Counter)
    kept_index_counts: Counter[str] = Counter()
    row_counts: Counter[str] = Counter()
    kept_row_counts: Counter[str] = Counter()
    for expected, actual in pairs.values():
        label, indices = split_indices(expected)
        actual_label, actual_indices = split_indices(actual)
        targets[label][actual_label] += 1
        kept_index_counts[label] += indices == actual_indices
        row_counts[_get_row(label)] += 1
        kept_row_counts[_get_row(label)] += indices == actual_indices
    result = {}
    for index, (expected, actual) in pairs.items():
        label, indices = split_indices(expected)
        actual_indices = split_indices(actual)[1]
        (usual_label, count), total = targets[label].most_common(1)[0], targets[label].total()
        row = _get_row(label)
        is_within_row = actual_indices[1:] == indices[1:]
        keeps_indices = kept_index_counts[label] * 2 > total or (
            is_within_row and kept_row_counts[row] * 2 > row_counts[row]
        )
        is_confident = (
            usual_label.count("*") == len(indices) and count * 2 > total and keeps_indices
        )
        result[index] = actual
        if is_confident:
            result[index] = _fill_indices(usual_label, indices)
    return result


def _get_row(label: str) -> str:
    """The first row of modules that a pattern lies in: `blocks.*` of `blocks.*.norm1.weight`. What lies in one of them stays together."""
    return label[: label.find("*") + 1]


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
    first_arrays = [subject.reference[name].numpy() for name in matches[0].a]
    return any(not _has_equal_contents(subject, first_arrays, match.a) for match in matches[1:])


def _has_equal_contents(subject: DiffSubject, arrays: list[Array], names: tuple[str, ...]) -> bool:
    """Whether these tensors of the reference hold those arrays."""
    return all(
        array.shape == subject.reference[name].shape
        and np.array_equal(array, subject.reference[name].numpy())
        for array, name in zip(arrays, names, strict=False)
    )
