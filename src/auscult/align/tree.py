"""Pair modules of two trees by what lies under them: the same shapes under another name, one level deeper or not.

A port renames and re-nests (`block.0`, `block.2` become `conv.conv`, `norm`), but the shapes below a module stay. Modules are
matched from the root down: by name, then by the multiset of shapes below them where it is the only one of its kind, then by
the words of their names. What is left ambiguous stays open.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from auscult.align.naming import NameSlot, measure_similarity
from auscult.weights import Shape

ShapeSignature = frozenset[tuple[tuple[int, ...], int]]


@dataclass
class NameNode:
    """A module: its own parameters by leaf name, and its submodules by name."""

    slots: dict[str, NameSlot] = field(default_factory=dict)
    children: dict[str, NameNode] = field(default_factory=dict)

    @cached_property
    def signature(self) -> ShapeSignature:
        """Shapes below, up to the order of axes, with their counts; scalars (counters) aside."""
        return frozenset(Counter(self._shapes()).items())

    def _shapes(self) -> Iterator[Shape]:
        for slot in self.slots.values():
            if slot.shape:
                yield tuple(sorted(slot.shape))
        for child in self.children.values():
            yield from child._shapes()


def build_tree(slots: Mapping[str, NameSlot]) -> NameNode:
    """The module tree of these parameters; `blocks_3` counts as `blocks.3`."""
    root = NameNode()
    for stem, slot in slots.items():
        *path, leaf = stem.split(".")
        node = root
        for module_name in (
            part for path_part in path for part in re.split(r"_(?=\d+$)", path_part)
        ):
            node = node.children.setdefault(module_name, NameNode())
        node.slots[leaf] = slot
    return root


def iter_matching_slots(a: NameNode, b: NameNode) -> Iterator[tuple[NameSlot, NameSlot]]:
    """Parameters of `a` with those of `b` that stand at the same place of the tree and have compatible shapes."""
    a, b = _collapse_chain(a), _collapse_chain(b)
    for leaf, slot in a.slots.items():
        other_slot = b.slots.get(leaf)
        if other_slot is not None and sorted(slot.shape) == sorted(other_slot.shape):
            yield slot, other_slot
    for child_a, child_b in _pair_children(a, b):
        yield from iter_matching_slots(child_a, child_b)


def _collapse_chain(node: NameNode) -> NameNode:
    """Down to the first module that holds something itself or has a choice of submodules."""
    while not node.slots and len(node.children) == 1:
        node = next(iter(node.children.values()))
    return node


def _pair_children(a: NameNode, b: NameNode) -> Iterator[tuple[NameNode, NameNode]]:
    children_a, children_b = dict(a.children), dict(b.children)
    if _is_renumbered(a, b):
        yield from zip(_sort_by_number(children_a), _sort_by_number(children_b), strict=True)
        return
    for name in [
        name
        for name in children_a
        if name in children_b and children_a[name].signature == children_b[name].signature
    ]:
        yield children_a.pop(name), children_b.pop(name)
    names_by_signature: dict[ShapeSignature, tuple[list[str], list[str]]] = defaultdict(
        lambda: ([], [])
    )
    for side_index, nodes in enumerate((children_a, children_b)):
        for name, node in nodes.items():
            names_by_signature[node.signature][side_index].append(name)
    for name_a, name_b in [
        pair for names in names_by_signature.values() for pair in _pair_alike(*names)
    ]:
        yield children_a.pop(name_a), children_b.pop(name_b)
    for name in [name for name in children_a if name in children_b]:
        yield children_a.pop(name), children_b.pop(name)


def _is_renumbered(a: NameNode, b: NameNode) -> bool:
    """Whether both hold one row of equal modules under other numbers (0, 2, 4 among activations; 0, 1, 2 without)."""
    if a.children.keys() == b.children.keys() or len(a.children) != len(b.children):
        return False
    if not all(name.isdigit() for name in (*a.children, *b.children)):
        return False
    return [node.signature for node in _sort_by_number(a.children)] == [
        node.signature for node in _sort_by_number(b.children)
    ]


def _sort_by_number(children: Mapping[str, NameNode]) -> list[NameNode]:
    return [children[name] for name in sorted(children, key=int)]


def _pair_alike(a: list[str], b: list[str]) -> Iterator[tuple[str, str]]:
    """Modules with the same shapes below: the only two there are, or rows of numbers, or those whose words agree best."""
    if len(a) == len(b) == 1:
        yield a[0], b[0]
    elif len(a) == len(b) and all(name.isdigit() for name in (*a, *b)):
        yield from zip(sorted(a, key=int), sorted(b, key=int), strict=True)
    else:
        yield from _pair_by_words(a, b)


def _pair_by_words(a: list[str], b: list[str]) -> Iterator[tuple[str, str]]:
    scores = {(name_a, name_b): measure_similarity(name_a, name_b) for name_a in a for name_b in b}
    for (name_a, name_b), score in scores.items():
        rival_scores = [
            rival_score
            for pair, rival_score in scores.items()
            if pair != (name_a, name_b) and (pair[0] == name_a or pair[1] == name_b)
        ]
        if score > 0 and all(score > rival_score for rival_score in rival_scores):
            yield name_a, name_b
