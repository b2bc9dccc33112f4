"""Pair the parameters of two sides by their names: equal names, prefixes by vote, renamed patterns, then module siblings.

Nothing here looks at elements. A pair is only made where names or a unique shape speak for it; what stays open is left to
the caller to report.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from auscult.align.naming import NameSlot, measure_similarity, split_prefix
from auscult.align.tree import build_tree, iter_matching_slots
from auscult.facts.words import split_indices

PairedBy = Literal["name", "prefix", "renamed", "sibling", "unique-shape"]
MIN_RENUMBERED = 3
"""Layers that a row must have before its numbering is doubted; fewer pair by number."""
MIN_SIMILARITY = 0.45
"""Dice coefficient below which two patterns of equal shapes are not called the same module under another name."""


@dataclass
class TensorPairing:
    """Pairs found so far, and what is still open on both sides, in file order."""

    left: dict[str, NameSlot]
    right: dict[str, NameSlot]
    pairs: list[tuple[NameSlot, NameSlot, PairedBy]] = field(default_factory=list)

    def take(self, a: str, b: str, by: PairedBy) -> None:
        self.pairs.append((self.left.pop(a), self.right.pop(b), by))


def pair_slots(a: Sequence[NameSlot], b: Sequence[NameSlot]) -> TensorPairing:
    """Each parameter of `a` with the one of `b` that its name (or a unique shape) says it is."""
    pairing = TensorPairing({slot.stem: slot for slot in a}, {slot.stem: slot for slot in b})
    _pair_renumbered(pairing)
    for stem in [stem for stem in pairing.left if stem in pairing.right]:
        pairing.take(stem, stem, "name")
    _pair_by_prefix(pairing)
    _pair_by_tree(pairing, a, b)
    for every_digit in (False, True):
        _pair_renamed(pairing, every_digit=every_digit)
        _pair_siblings(pairing)
    _pair_unique_shapes(pairing)
    _pair_siblings(pairing)
    return pairing


def has_compatible_shapes(a: NameSlot, b: NameSlot) -> bool:
    """Whether the shapes are the same up to the order of the axes."""
    return sorted(a.shape) == sorted(b.shape)


def _pair_renumbered(pairing: TensorPairing) -> None:
    """One row numbered in two ways (`condnet.0,2,4` among activations, `condnet.0,1,2` without): pair by rank, not by number."""
    groups_b = {group.label: group for group in _group_stems(pairing.right, every_digit=False)}
    for group in _group_stems(pairing.left, every_digit=False):
        other_group = groups_b.get(group.label)
        if (
            other_group is None
            or len(group.members) < MIN_RENUMBERED
            or group.members.keys() != other_group.members.keys()
        ):
            continue
        stem_pairs = [(stem, other_group.members[key]) for key, stem in group.members.items()]
        if any(x != y for x, y in stem_pairs) and all(
            has_compatible_shapes(pairing.left[x], pairing.right[y]) for x, y in stem_pairs
        ):
            for x, y in stem_pairs:
                pairing.take(x, y, "renamed")


def _pair_by_prefix(pairing: TensorPairing) -> None:
    """Apply the changes of prefix that most names agree on (`generator.x` is `x`), most frequent first."""
    while pairing.left and pairing.right:
        votes = _count_prefix_votes(pairing)
        for (head_a, head_b), count in votes.most_common(8):
            stems = [
                (stem, head_b + stem.removeprefix(head_a))
                for stem in pairing.left
                if stem.startswith(head_a) and head_b + stem.removeprefix(head_a) in pairing.right
            ]
            agreeing = sum(
                has_compatible_shapes(pairing.left[x], pairing.right[y]) for x, y in stems
            )
            count_below = sum(stem.startswith(head_a) for stem in pairing.left)
            # a wrapper may hold more than the other side knows; one name for another has to fit throughout
            if not (head_a and head_b):
                is_enough = agreeing * 2 >= max(len(stems), count_below)
            else:
                is_enough = agreeing == count_below
            if stems and is_enough and (count >= 2 or len(pairing.left) == 1):
                for x, y in stems:
                    pairing.take(x, y, "prefix")
                break
        else:
            return


def _pair_by_tree(pairing: TensorPairing, a: Sequence[NameSlot], b: Sequence[NameSlot]) -> None:
    """Where modules were renamed or re-nested: by what lies below them (see `auscult.align.tree`)."""
    if pairing.left and pairing.right:
        trees = (build_tree({slot.stem: slot for slot in side}) for side in (a, b))
        for slot, other_slot in list(iter_matching_slots(*trees)):
            if slot.stem in pairing.left and other_slot.stem in pairing.right:
                pairing.take(slot.stem, other_slot.stem, "renamed")


def _count_prefix_votes(pairing: TensorPairing) -> Counter[tuple[str, str]]:
    """How many names ask for each change of prefix, by their longest suffix that the other side has."""
    by_suffix: dict[str, list[str]] = defaultdict(list)
    for stem in pairing.right:
        steps = stem.split(".")
        for start in range(len(steps)):
            by_suffix[".".join(steps[start:])].append(stem)
    votes: Counter[tuple[str, str]] = Counter()
    for stem, slot in pairing.left.items():
        steps = stem.split(".")
        for start in range(len(steps)):
            matching_stems = by_suffix.get(".".join(steps[start:]), ())
            if matching_stems:
                heads = {
                    split_prefix(stem, other_stem)
                    for other_stem in matching_stems[:50]
                    if has_compatible_shapes(slot, pairing.right[other_stem])
                }
                votes.update(pair for pair in heads if _is_prefix_change(*pair))
                break
    return votes


def _is_prefix_change(head_a: str, head_b: str) -> bool:
    """A wrapper has no index in its name: `resblocks.3.` against `resblocks.0.` is another block, not another prefix."""
    return head_a != head_b and not split_indices(head_a)[1] and not split_indices(head_b)[1]


@dataclass(frozen=True)
class _StemGroup:
    """Stems that differ in indices only, with the indices that vary put in ranks (2, 4, 6 is 0, 1, 2)."""

    label: str
    members: dict[tuple[int, ...], str]


def _group_stems(stems: Iterable[str], *, every_digit: bool) -> list[_StemGroup]:
    stems_by_label: dict[str, list[tuple[str, tuple[int, ...]]]] = defaultdict(list)
    for stem in stems:
        label, indices = split_indices(stem, every_digit=every_digit)
        stems_by_label[label].append((stem, indices))
    result = []
    for label, members in stems_by_label.items():
        columns = list(zip(*(indices for _, indices in members), strict=True))
        varying = [column for column in range(len(columns)) if len(set(columns[column])) > 1]
        ranks = {
            column: {value: rank for rank, value in enumerate(sorted(set(columns[column])))}
            for column in varying
        }
        keyed = {
            tuple(ranks[column][indices[column]] for column in varying): stem
            for stem, indices in members
        }
        result.append(_StemGroup(label, keyed))
    return result


def _pair_renamed(pairing: TensorPairing, *, every_digit: bool) -> None:
    """Pair whole patterns (`encoders.*.ff.weight`, `encoders_*.ff.weight`), the best agreement of names and shapes first."""
    groups_a = _group_stems(pairing.left, every_digit=every_digit)
    groups_b = _group_stems(pairing.right, every_digit=every_digit)
    by_size: dict[tuple[int, int], list[_StemGroup]] = defaultdict(list)
    for group in groups_b:
        by_size[(len(group.members), _count_dimensions(pairing.right, group))].append(group)
    scored = []
    for group in groups_a:
        for other_group in by_size.get(
            (len(group.members), _count_dimensions(pairing.left, group)), ()
        ):
            if group.members.keys() == other_group.members.keys() and all(
                has_compatible_shapes(pairing.left[stem], pairing.right[other_group.members[key]])
                for key, stem in group.members.items()
            ):
                score = measure_similarity(group.label, other_group.label)
                if score >= MIN_SIMILARITY:
                    scored.append((score, group, other_group))
    scored.sort(key=lambda entry: -entry[0])
    used_labels: set[str] = set()
    for score, group, other_group in scored:
        rivals = [
            rival_score
            for rival_score, rival_group, rival_other in scored
            if rival_score == score
            and (rival_group is group) != (rival_other is other_group)
            and f"a {rival_group.label}" not in used_labels
        ]
        if f"a {group.label}" in used_labels or f"b {other_group.label}" in used_labels or rivals:
            continue
        used_labels |= {f"a {group.label}", f"b {other_group.label}"}
        for key, stem in group.members.items():
            pairing.take(stem, other_group.members[key], "renamed")


def _count_dimensions(side: dict[str, NameSlot], group: _StemGroup) -> int:
    return len(side[next(iter(group.members.values()))].shape)


def _pair_siblings(pairing: TensorPairing) -> None:
    """Where one parameter of a module found its partner, the others of the module are with it, by the same leaf name."""
    modules = {a.module: b.module for a, b, _ in pairing.pairs}
    for stem, slot in list(pairing.left.items()):
        if slot.module in modules:
            partner = f"{modules[slot.module]}.{slot.leaf}".lstrip(".")
        else:
            partner = None
        if (
            partner in pairing.right
            and partner is not None
            and len(pairing.right[partner].shape) == len(slot.shape)
        ):
            pairing.take(stem, partner, "sibling")


def _pair_unique_shapes(pairing: TensorPairing) -> None:
    """What is left pairs by shape alone only where that shape (up to axis order) is left once on both sides."""
    shapes: dict[tuple[int, ...], tuple[list[str], list[str]]] = defaultdict(lambda: ([], []))
    for side_index, side_slots in enumerate((pairing.left, pairing.right)):
        for stem, slot in side_slots.items():
            shapes[tuple(sorted(slot.shape))][side_index].append(stem)
    for shape, (a, b) in shapes.items():
        if (
            len(a) == len(b) == 1
            and len(shape) >= 2
            and len(set(shape)) > 1
            and measure_similarity(a[0], b[0]) >= MIN_SIMILARITY
        ):
            pairing.take(a[0], b[0], "unique-shape")
