"""Tensors whose content stands where names and operators put something else: told by roles, by layers and by labels.

Equal content says which tensors are the same, and nothing of where they are used. Three things do, in renamed files and in
graphs too: a gain is no shift (`gamma`, `beta`); a bias goes with the weight of its layer; and the words of a layer's name
(`encoder.1.fc`) come again in the name of its tensor or of its operator (`/encoder.1/fc/MatMul`). Each counts only where the
contents are exchanged in a cycle: a name alone may be odd, a whole cycle of them is a mistake.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from functools import cache
from itertools import takewhile

from auscult.align.ledger import Ledger
from auscult.align.part_roles import PartRole, find_recurrent_role, find_role, remove_role
from auscult.align.side import CheckpointSide

Words = tuple[str, ...]

MAX_CANDIDATES = 64
"""Tensors of one shape among which a name is looked for. Chosen, not measured."""
MIN_SHARED_WORDS = 3
"""Words that a label and a layer's name must share where they are not the whole name. Chosen, not measured."""
_WORDS = re.compile(r"[a-z]+|\d+")


def find_misplaced(ledger: Ledger, pairs: Mapping[str, str]) -> dict[str, str]:
    """For names of side a whose content stands elsewhere on side b: the name on side b where it is expected.

    Args:
        pairs: Names of side b by names of side a, of tensors that are told by their content.
    """
    if all(a == b for a, b in pairs.items()):
        return {}
    sides = (ledger.a, ledger.b)
    by_name = {**_find_crossed_roles(sides, pairs), **_find_crossed_labels(sides, pairs)}
    found = _keep_cycles(by_name, pairs)
    if found:  # they say which of a layer's tensors it was, and layers do not
        return found
    backward = _find_crossed_layers((ledger.b, ledger.a), {b: a for a, b in pairs.items()})
    by_layer = {
        **{home: name for name, home in backward.items()},
        **_find_crossed_layers(sides, pairs),
    }
    return _keep_cycles({**by_layer, **by_name}, pairs)


def find_displacing(ledger: Ledger, pairs: Mapping[str, str]) -> dict[str, str]:
    """Vectors of side a that stand in another layer than their weight, while its own vector, another one, is left over on side b.

    Returns:
        The name of the one that is left over, by the name on side a.
    """
    if not ledger.b.left or all(a == b for a, b in pairs.items()):
        return {}
    layers = _LayerPaths(ledger.a, ledger.b, pairs)
    left_over: dict[str, list[str]] = defaultdict(list)
    for name in ledger.b.left:
        if name in layers.of_b and len(ledger.b.sides(name)) == 1 and _may_be_bias(ledger.b, name):
            left_over[layers.of_b[name]].append(name)
    result: dict[str, str] = {}
    for name, (home, _) in layers.find_strays().items():
        rivals = [b for b in left_over[home] if ledger.b.size(b) == ledger.a.size(name)]
        if len(rivals) == 1:
            result[name] = rivals[0]
    return result


def _may_be_bias(side: CheckpointSide, name: str) -> bool:
    """Whether a layer may add it: the zero points of a quantised graph, one for each channel too, are whole numbers."""
    return side.array(name).dtype.kind in "fV"


def _keep_cycles(home_names: Mapping[str, str], pairs: Mapping[str, str]) -> dict[str, str]:
    """The names whose content leads from place to place and back to them."""
    holders = {pairs[name]: name for name in home_names}
    result: dict[str, str] = {}
    for start in home_names:
        name: str | None = start
        for _ in range(len(home_names)):
            name = holders.get(home_names[name]) if name is not None else None
            if name == start:
                result[start] = home_names[start]
                break
    return result


def _find_crossed_roles(
    sides: tuple[CheckpointSide, CheckpointSide], pairs: Mapping[str, str]
) -> dict[str, str]:
    """Tensors that stand in another role than they have, where as many of that shape stand in theirs."""
    crossed: dict[tuple[int, ...], list[tuple[str, PartRole, PartRole]]] = defaultdict(list)
    for a, b in pairs.items():
        find = find_role if len(sides[0].sides(a)) == 1 else find_recurrent_role
        own_role, place_role = find(sides[0], a), find(sides[1], b)
        if own_role is not None and place_role is not None and own_role != place_role:
            crossed[sides[0].sides(a)].append((a, own_role, place_role))
    result: dict[str, str] = {}
    for group in crossed.values():
        if sorted(role for _, role, _ in group) == sorted(role for _, _, role in group):
            places = [(role, pairs[name]) for name, _, role in group]
            for name, own_role, _ in group:
                place = next(place for place in places if place[0] == own_role)
                places.remove(place)
                result[name] = place[1]
    return result


def _find_crossed_layers(
    sides: tuple[CheckpointSide, CheckpointSide], pairs: Mapping[str, str]
) -> dict[str, str]:
    """Vectors that went to other layers than the weights beside them, where the layers exchange them among themselves."""
    paths = _LayerPaths(*sides, pairs)
    strays = paths.find_strays()
    holders = {goal: name for name, (_, goal) in strays.items()}
    result: dict[str, str] = {}
    for name, (home, _) in strays.items():
        holder = holders.get(home)
        if holder is None or sides[0].sides(holder) != sides[0].sides(name):
            continue
        if pairs[name] != name:
            result[name] = pairs[holder]
        else:  # the vector is where its name says: it was the weights that were exchanged
            weights = paths.find_weight(name), paths.find_weight(holder)
            if weights[0] is not None and weights[1] is not None:
                result[weights[0]] = pairs[weights[1]]
    return result


class _LayerPaths:
    """Where the weights of each layer of side a went, and where its vectors did.

    Attributes:
        of_a, of_b: The layer of each tensor that has one.
    """

    def __init__(self, a: CheckpointSide, b: CheckpointSide, pairs: Mapping[str, str]) -> None:
        self.of_a, self.of_b = _collect_layers(a), _collect_layers(b)
        self._weight_goals: dict[str, str] = {}
        self._weights: dict[str, list[str]] = defaultdict(list)
        self._vectors: dict[str, dict[str, str]] = defaultdict(dict)
        for name, partner in pairs.items():
            layer, goal = self.of_a.get(name), self.of_b.get(partner)
            if layer is None or goal is None:
                continue
            if len(a.sides(name)) > 1 or find_role(a, name) == "weight":
                self._weight_goals.setdefault(layer, goal)
                self._weights[layer].append(name)
            else:
                self._vectors[layer][name] = goal

    def find_weight(self, vector: str) -> str | None:
        """The only weight in the layer of a vector."""
        weights = self._weights[self.of_a[vector]]
        if len(weights) == 1:
            return weights[0]
        return None

    def find_strays(self) -> dict[str, tuple[str, str]]:
        """The only vector of a layer, where its weight went to another one: the layer of the weight, and its own."""
        return {
            name: (self._weight_goals[layer], goal)
            for layer, goals in self._vectors.items()
            if len(goals) == 1 and layer in self._weight_goals
            for name, goal in goals.items()
            if goal != self._weight_goals[layer]
        }


def _collect_layers(side: CheckpointSide) -> dict[str, str]:
    """For each tensor the layer that it belongs to: the operator that takes it, else what its name begins with."""
    result: dict[str, str] = {}
    for name in side.names:
        operator = side.checkpoint.modules.get(name)
        if operator is not None:
            layer = operator.attributes.get("layer") or operator.attributes.get("node")
        else:
            layer = remove_role(name)
        if layer:
            result[name] = str(layer)
    return result


def _find_crossed_labels(
    sides: tuple[CheckpointSide, CheckpointSide], pairs: Mapping[str, str]
) -> dict[str, str]:
    """Tensors that carry no word of their layer where they stand, and the whole of it elsewhere."""
    labels = tuple(_LayerLabels(side) for side in sides)
    rivals: dict[tuple[int, ...], list[str]] = defaultdict(list)
    for b in pairs.values():
        rivals[sides[1].sides(b)].append(b)
    result: dict[str, str] = {}
    for a, b in pairs.items():
        group = rivals[sides[1].sides(b)]
        if not 1 < len(group) <= MAX_CANDIDATES or _is_called_alike(labels, a, b):
            continue
        homes = [
            name
            for name in group
            if name != b and _is_called_alike(labels, a, name) and _may_stand(sides, a, name)
        ]
        if len(homes) == 1:
            result[a] = homes[0]
    return result


def _may_stand(sides: tuple[CheckpointSide, CheckpointSide], a: str, b: str) -> bool:
    roles = find_role(sides[0], a), find_role(sides[1], b)
    return None in roles or roles[0] == roles[1]


class _LayerLabels:
    """The words of a tensor's layer, and all words that stand by it."""

    def __init__(self, side: CheckpointSide) -> None:
        self._side = side

    def path(self, name: str) -> Words:
        """The words of the layer's name; () where the name tells no layer."""
        words = _split_label(remove_role(name) or "")
        if any(not word.isdigit() for word in words):
            return words
        return ()

    def list_labels(self, name: str) -> Iterable[Words]:
        """The words of the tensor's name, and those of its operator's."""
        operator = self._side.checkpoint.modules.get(name)
        node = operator.attributes.get("node") if operator is not None else None
        yield _split_label(name)
        if node:
            yield _split_label(str(node))


@cache
def _split_label(text: str) -> Words:
    return tuple(_WORDS.findall(text.lower()))


def _is_called_alike(labels: tuple[_LayerLabels, ...], a: str, b: str) -> bool:
    """Whether the layer of the one is named in the labels of the other."""
    first, second = labels
    return any(_names_layer(label, first.path(a)) for label in second.list_labels(b)) or any(
        _names_layer(label, second.path(b)) for label in first.list_labels(a)
    )


def _names_layer(label: Words, path: Words) -> bool:
    """Whether a label holds the words of a layer's name, or begins with all of them but some in between.

    Exporters leave out modules that only hold others: `/blocks.0/q_proj/MatMul` is in `blocks.0.attn.q_proj`.
    """
    count = len(path)
    if count == 0:
        return False
    if any(label[start : start + count] == path for start in range(len(label) - count + 1)):
        return True
    remaining = iter(path)
    shared = tuple(takewhile(lambda word: word in remaining, label))
    numbers = [word for word in path if word.isdigit()]
    return (
        len(shared) >= MIN_SHARED_WORDS
        and shared[-2:] == path[-2:]
        and [word for word in shared if word.isdigit()] == numbers
    )
