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

from auscult.align.naming import Slot, similarity
from auscult.weights import Shape

Signature = frozenset[tuple[tuple[int, ...], int]]


@dataclass
class Node:
    """A module: its own parameters by leaf name, and its submodules by name."""

    slots: dict[str, Slot] = field(default_factory=dict)
    children: dict[str, Node] = field(default_factory=dict)

    @cached_property
    def signature(self) -> Signature:
        """Shapes below, up to the order of axes, with their counts; scalars (counters) aside."""
        return frozenset(Counter(self._shapes()).items())

    def _shapes(self) -> Iterator[Shape]:
        for slot in self.slots.values():
            if slot.shape:
                yield tuple(sorted(slot.shape))
        for child in self.children.values():
            yield from child._shapes()


def tree_of(slots: Mapping[str, Slot]) -> Node:
    """The module tree of these parameters; `blocks_3` counts as `blocks.3`."""
    root = Node()
    for stem, slot in slots.items():
        *path, leaf = stem.split(".")
        node = root
        for step in (part for piece in path for part in re.split(r"_(?=\d+$)", piece)):
            node = node.children.setdefault(step, Node())
        node.slots[leaf] = slot
    return root


def matched(a: Node, b: Node) -> Iterator[tuple[Slot, Slot]]:
    """Parameters of `a` with those of `b` that stand at the same place of the tree and have compatible shapes."""
    a, b = _collapsed(a), _collapsed(b)
    for leaf, slot in a.slots.items():
        other = b.slots.get(leaf)
        if other is not None and sorted(slot.shape) == sorted(other.shape):
            yield slot, other
    for one, two in _children(a, b):
        yield from matched(one, two)


def _collapsed(node: Node) -> Node:
    """Down to the first module that holds something itself or has a choice of submodules."""
    while not node.slots and len(node.children) == 1:
        node = next(iter(node.children.values()))
    return node


def _children(a: Node, b: Node) -> Iterator[tuple[Node, Node]]:
    left, right = dict(a.children), dict(b.children)
    if _renumbered(a, b):
        yield from zip(_in_order(left), _in_order(right), strict=True)
        return
    for name in [
        name for name in left if name in right and left[name].signature == right[name].signature
    ]:
        yield left.pop(name), right.pop(name)
    kinds: dict[Signature, tuple[list[str], list[str]]] = defaultdict(lambda: ([], []))
    for side, nodes in enumerate((left, right)):
        for name, node in nodes.items():
            kinds[node.signature][side].append(name)
    for one, two in [pair for names in kinds.values() for pair in _alike(*names)]:
        yield left.pop(one), right.pop(two)
    for name in [name for name in left if name in right]:
        yield left.pop(name), right.pop(name)


def _renumbered(a: Node, b: Node) -> bool:
    """Whether both hold one row of equal modules under other numbers (0, 2, 4 among activations; 0, 1, 2 without)."""
    if a.children.keys() == b.children.keys() or len(a.children) != len(b.children):
        return False
    if not all(name.isdigit() for name in (*a.children, *b.children)):
        return False
    return [node.signature for node in _in_order(a.children)] == [
        node.signature for node in _in_order(b.children)
    ]


def _in_order(children: Mapping[str, Node]) -> list[Node]:
    return [children[name] for name in sorted(children, key=int)]


def _alike(a: list[str], b: list[str]) -> Iterator[tuple[str, str]]:
    """Modules with the same shapes below: the only two there are, or rows of numbers, or those whose words agree best."""
    if len(a) == len(b) == 1:
        yield a[0], b[0]
    elif len(a) == len(b) and all(name.isdigit() for name in (*a, *b)):
        yield from zip(sorted(a, key=int), sorted(b, key=int), strict=True)
    else:
        yield from _by_words(a, b)


def _by_words(a: list[str], b: list[str]) -> Iterator[tuple[str, str]]:
    scores = {(one, two): similarity(one, two) for one in a for two in b}
    for (one, two), score in scores.items():
        rivals = [
            other
            for pair, other in scores.items()
            if pair != (one, two) and (pair[0] == one or pair[1] == two)
        ]
        if score > 0 and all(score > other for other in rivals):
            yield one, two
