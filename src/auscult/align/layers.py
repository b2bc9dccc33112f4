"""The layer level: tensors too small or too even to be told by their content are told by the layer that they belong to.

A bias of one number, rounded to float16 and renamed, is like any other number. But where the weight of its layer has found
its partner, the partner's bias is the only one that it can be. What is left then pairs where content allows one partner only.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from auscult.align.explain import explain_array
from auscult.align.ledger import Ledger
from auscult.align.lossy import is_identifying
from auscult.align.moves import list_moves
from auscult.align.naming import measure_similarity
from auscult.align.side import CheckpointSide
from auscult.verdict import Equality

_PART_NAME = re.compile(r"^(.+)[._/](?:weight|bias|gamma|beta|kernel)(?:[._/]|$)")
MIN_NAME_SIMILARITY = 0.6
"""Words that two names must share where one number is all that there is. Chosen, not measured."""
MAX_CROWD = 64
"""Tensors of one shape up to which each is held against each."""


def match_by_layer(ledger: Ledger) -> None:
    """Pair small and constant tensors by their layer, and where exactly one fits; their values must agree as well."""
    if not any(_is_vague(ledger.a, name) for name in ledger.a.left):
        return
    trusted = _list_rounded_formats(ledger)
    layers = LayerIndex(ledger.a), LayerIndex(ledger.b)
    refuted_names = _pair_layer_mates(ledger, layers, trusted)
    _pair_lone_fits(ledger, trusted, refuted_names)
    _pair_layer_mates(
        ledger, layers, trusted
    )  # a weight that has just found its partner leads to its bias


def _pair_layer_mates(
    ledger: Ledger, layers: tuple[LayerIndex, LayerIndex], trusted: frozenset[str]
) -> set[str]:
    """Pair by layers; the names of side a whose own layer has another value where theirs should be."""
    partners = _collect_partners(ledger)
    refuted_names: set[str] = set()
    for a in ledger.a.list_remaining():
        if _is_vague(ledger.a, a):
            candidates = _list_layer_mates(ledger, a, partners, layers)
            if candidates and not _pair_first_fit(ledger, a, candidates, trusted):
                refuted_names.add(a)
    return refuted_names


class LayerIndex:
    """Which tensors of one side belong to a layer: by the operator that takes them, and by the beginning of their names."""

    def __init__(self, side: CheckpointSide) -> None:
        self.side = side
        self._names: dict[tuple[str, str], list[str]] = {}
        for name in side.names:
            for key in self._iter_keys(name):
                self._names.setdefault(key, []).append(name)

    def _iter_keys(self, name: str) -> Iterator[tuple[str, str]]:
        operator = self.side.checkpoint.modules.get(name)
        if operator is not None:
            node = operator.attributes.get("layer") or operator.attributes.get("node")
            if node:
                yield "node", str(node)
        part = _PART_NAME.match(name)
        if part:
            yield "name", part.group(1)

    def list_mates(self, name: str) -> list[str]:
        """The other tensors of its layer."""
        mates: dict[str, None] = {}
        for key in self._iter_keys(name):
            mates |= dict.fromkeys(self._names[key])
        mates.pop(name, None)
        return list(mates)


def _is_vague(side: CheckpointSide, name: str) -> bool:
    return side.size(name) > 0 and not is_identifying(side, name)


def _list_rounded_formats(ledger: Ledger) -> frozenset[str]:
    """The formats that other tensors of the pair of files were rounded to."""
    formats = {match.number_format for match in ledger.matches if match.equality is Equality.CLOSE}
    return frozenset(name for name in formats if name)


def _collect_partners(ledger: Ledger) -> dict[str, tuple[str, ...]]:
    """For each matched name of side a, the names of side b that it is matched with."""
    partners: dict[str, tuple[str, ...]] = {}
    for match in ledger.matches:
        partners |= dict.fromkeys(match.a, match.b)
    return partners


def _list_layer_mates(
    ledger: Ledger,
    a: str,
    partners: dict[str, tuple[str, ...]],
    layers: tuple[LayerIndex, LayerIndex],
) -> list[str]:
    """Names of side b, without a partner and of a shape that fits, in a layer that a mate of `a` was found in."""
    mates: dict[str, None] = {}
    for mate in layers[0].list_mates(a):
        for partner in partners.get(mate, ()):
            mates |= dict.fromkeys(layers[1].list_mates(partner))
    return [name for name in mates if _may_pair(ledger, a, name)]


def _may_pair(ledger: Ledger, a: str, b: str) -> bool:
    if b not in ledger.b.left or not _is_vague(ledger.b, b):
        return False
    return bool(list_moves(ledger.a.shapes[a], ledger.b.shapes[b]))


def _pair_first_fit(
    ledger: Ledger, a: str, candidates: Iterable[str], trusted: frozenset[str]
) -> bool:
    by_name = sorted(candidates, key=lambda name: -measure_similarity(a, name))
    return any(_pair_if_close(ledger, a, b, trusted) for b in by_name)


def _pair_if_close(ledger: Ledger, a: str, b: str, trusted: frozenset[str]) -> bool:
    outcome = explain_array(ledger.a.values(a), ledger.b.values(b), trusted=trusted)
    if outcome is None:
        return False
    ledger.pair(a, b, outcome, "neighbours")
    return True


def _pair_lone_fits(ledger: Ledger, trusted: frozenset[str], refuted_names: set[str]) -> None:
    """Pair what is left where each has exactly one partner that fits.

    One number must also be called alike, and is left over where its own layer has another: it may have been exchanged.
    """
    crowds: dict[tuple[int, ...], list[str]] = {}
    for b in ledger.b.left:
        if _is_vague(ledger.b, b):
            crowds.setdefault(ledger.b.sides(b), []).append(b)
    fits_a: dict[str, list[str]] = {}
    fits_b: dict[str, list[str]] = {}
    for a in ledger.a.left:
        crowd = crowds.get(ledger.a.sides(a), ())
        is_exchanged = a in refuted_names and ledger.a.fingerprints[a].constant
        if is_exchanged or not _is_vague(ledger.a, a) or len(crowd) > MAX_CROWD:
            continue
        for b in crowd:
            if _is_fit(ledger, a, b, trusted):
                fits_a.setdefault(a, []).append(b)
                fits_b.setdefault(b, []).append(a)
    for a, names in fits_a.items():
        if len(names) == 1 and len(fits_b[names[0]]) == 1:
            _pair_if_close(ledger, a, names[0], trusted)


def _is_fit(ledger: Ledger, a: str, b: str, trusted: frozenset[str]) -> bool:
    if ledger.a.size(a) == 1 and measure_similarity(a, b) < MIN_NAME_SIMILARITY:
        return False
    return explain_array(ledger.a.values(a), ledger.b.values(b), trusted=trusted) is not None
