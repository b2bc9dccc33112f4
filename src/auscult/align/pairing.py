"""Pair the parameters of two sides by their names: equal names, prefixes by vote, renamed patterns, then module siblings.

Nothing here looks at elements. A pair is only made where names or a unique shape speak for it; what stays open is left to
the caller to report.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from auscult.align.naming import Slot, pattern, similarity, split_prefix
from auscult.align.tree import matched, tree_of

PairedBy = Literal["name", "prefix", "renamed", "sibling", "unique-shape"]
MIN_RENUMBERED = 3
"""Layers that a row must have before its numbering is doubted; fewer pair by number."""
MIN_SIMILARITY = 0.45
"""Dice coefficient below which two patterns of equal shapes are not called the same module under another name."""


@dataclass
class Pairing:
    """Pairs found so far, and what is still open on both sides, in file order."""

    left: dict[str, Slot]
    right: dict[str, Slot]
    pairs: list[tuple[Slot, Slot, PairedBy]] = field(default_factory=list)

    def take(self, a: str, b: str, by: PairedBy) -> None:
        self.pairs.append((self.left.pop(a), self.right.pop(b), by))


def pair_slots(a: Sequence[Slot], b: Sequence[Slot]) -> Pairing:
    """Each parameter of `a` with the one of `b` that its name (or a unique shape) says it is."""
    pairing = Pairing({slot.stem: slot for slot in a}, {slot.stem: slot for slot in b})
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


def compatible(a: Slot, b: Slot) -> bool:
    """Whether the shapes are the same up to the order of the axes."""
    return sorted(a.shape) == sorted(b.shape)


def _pair_renumbered(pairing: Pairing) -> None:
    """One row numbered in two ways (`condnet.0,2,4` among activations, `condnet.0,1,2` without): pair by rank, not by number."""
    right = {group.label: group for group in _groups(pairing.right, every_digit=False)}
    for group in _groups(pairing.left, every_digit=False):
        other = right.get(group.label)
        if (
            other is None
            or len(group.members) < MIN_RENUMBERED
            or group.members.keys() != other.members.keys()
        ):
            continue
        pairs = [(stem, other.members[key]) for key, stem in group.members.items()]
        if any(x != y for x, y in pairs) and all(
            compatible(pairing.left[x], pairing.right[y]) for x, y in pairs
        ):
            for x, y in pairs:
                pairing.take(x, y, "renamed")


def _pair_by_prefix(pairing: Pairing) -> None:
    """Apply the changes of prefix that most names agree on (`generator.x` is `x`), most frequent first."""
    while pairing.left and pairing.right:
        votes = _prefix_votes(pairing)
        for (head, other), count in votes.most_common(8):
            stems = [
                (stem, other + stem.removeprefix(head))
                for stem in pairing.left
                if stem.startswith(head) and other + stem.removeprefix(head) in pairing.right
            ]
            agreeing = sum(compatible(pairing.left[x], pairing.right[y]) for x, y in stems)
            below = sum(stem.startswith(head) for stem in pairing.left)
            # a wrapper may hold more than the other side knows; one name for another has to fit throughout
            enough = (
                agreeing * 2 >= max(len(stems), below)
                if not (head and other)
                else agreeing == below
            )
            if stems and enough and (count >= 2 or len(pairing.left) == 1):
                for x, y in stems:
                    pairing.take(x, y, "prefix")
                break
        else:
            return


def _pair_by_tree(pairing: Pairing, a: Sequence[Slot], b: Sequence[Slot]) -> None:
    """Where modules were renamed or re-nested: by what lies below them (see `auscult.align.tree`)."""
    if pairing.left and pairing.right:
        trees = (tree_of({slot.stem: slot for slot in side}) for side in (a, b))
        for slot, other in list(matched(*trees)):
            if slot.stem in pairing.left and other.stem in pairing.right:
                pairing.take(slot.stem, other.stem, "renamed")


def _prefix_votes(pairing: Pairing) -> Counter[tuple[str, str]]:
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
            found = by_suffix.get(".".join(steps[start:]), ())
            if found:
                heads = {
                    split_prefix(stem, other)
                    for other in found[:50]
                    if compatible(slot, pairing.right[other])
                }
                votes.update(pair for pair in heads if _is_prefix_change(*pair))
                break
    return votes


def _is_prefix_change(head: str, other: str) -> bool:
    """A wrapper has no index in its name: `resblocks.3.` against `resblocks.0.` is another block, not another prefix."""
    return head != other and not pattern(head)[1] and not pattern(other)[1]


@dataclass(frozen=True)
class _Group:
    """Stems that differ in indices only, with the indices that vary put in ranks (2, 4, 6 is 0, 1, 2)."""

    label: str
    members: dict[tuple[int, ...], str]


def _groups(stems: Iterable[str], *, every_digit: bool) -> list[_Group]:
    found: dict[str, list[tuple[str, tuple[int, ...]]]] = defaultdict(list)
    for stem in stems:
        label, indices = pattern(stem, every_digit=every_digit)
        found[label].append((stem, indices))
    result = []
    for label, members in found.items():
        columns = list(zip(*(indices for _, indices in members), strict=True))
        varying = [column for column in range(len(columns)) if len(set(columns[column])) > 1]
        ranks = {
            column: {v: r for r, v in enumerate(sorted(set(columns[column])))} for column in varying
        }
        keyed = {
            tuple(ranks[column][indices[column]] for column in varying): stem
            for stem, indices in members
        }
        result.append(_Group(label, keyed))
    return result


def _pair_renamed(pairing: Pairing, *, every_digit: bool) -> None:
    """Pair whole patterns (`encoders.*.ff.weight`, `encoders_*.ff.weight`), the best agreement of names and shapes first."""
    left = _groups(pairing.left, every_digit=every_digit)
    right = _groups(pairing.right, every_digit=every_digit)
    by_size: dict[tuple[int, int], list[_Group]] = defaultdict(list)
    for group in right:
        by_size[(len(group.members), _dimensions(pairing.right, group))].append(group)
    scored = []
    for group in left:
        for other in by_size.get((len(group.members), _dimensions(pairing.left, group)), ()):
            if group.members.keys() == other.members.keys() and all(
                compatible(pairing.left[stem], pairing.right[other.members[key]])
                for key, stem in group.members.items()
            ):
                score = similarity(group.label, other.label)
                if score >= MIN_SIMILARITY:
                    scored.append((score, group, other))
    scored.sort(key=lambda entry: -entry[0])
    used: set[str] = set()
    for score, group, other in scored:
        rivals = [
            s
            for s, g, o in scored
            if s == score and (g is group) != (o is other) and f"a {g.label}" not in used
        ]
        if f"a {group.label}" in used or f"b {other.label}" in used or rivals:
            continue
        used |= {f"a {group.label}", f"b {other.label}"}
        for key, stem in group.members.items():
            pairing.take(stem, other.members[key], "renamed")


def _dimensions(side: dict[str, Slot], group: _Group) -> int:
    return len(side[next(iter(group.members.values()))].shape)


def _pair_siblings(pairing: Pairing) -> None:
    """Where one parameter of a module found its partner, the others of the module are with it, by the same leaf name."""
    modules = {a.module: b.module for a, b, _ in pairing.pairs}
    for stem, slot in list(pairing.left.items()):
        partner = (
            f"{modules[slot.module]}.{slot.leaf}".lstrip(".") if slot.module in modules else None
        )
        if (
            partner in pairing.right
            and partner is not None
            and len(pairing.right[partner].shape) == len(slot.shape)
        ):
            pairing.take(stem, partner, "sibling")


def _pair_unique_shapes(pairing: Pairing) -> None:
    """What is left pairs by shape alone only where that shape (up to axis order) is left once on both sides."""
    shapes: dict[tuple[int, ...], tuple[list[str], list[str]]] = defaultdict(lambda: ([], []))
    for side, slots in enumerate((pairing.left, pairing.right)):
        for stem, slot in slots.items():
            shapes[tuple(sorted(slot.shape))][side].append(stem)
    for shape, (a, b) in shapes.items():
        if (
            len(a) == len(b) == 1
            and len(shape) >= 2
            and len(set(shape)) > 1
            and similarity(a[0], b[0]) >= MIN_SIMILARITY
        ):
            pairing.take(a[0], b[0], "unique-shape")
