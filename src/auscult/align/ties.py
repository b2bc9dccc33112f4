"""Ties: several tensors with the same content, settled by their neighbours.

Content cannot tell zero biases, fresh norm gains or copies of one buffer apart. The learnt renaming decides first, then
the place between tensors that are already matched, then the end of the name, then the order in the file. Whatever no name
settled is recorded as ambiguous.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice

from auscult.align.compare import find_exact_move
from auscult.align.exact import ContentKey, group_by_content
from auscult.align.ledger import Ledger

MAX_TRIES = 8  # equal fingerprints nearly always confirm at once


def settle_by_name(ledger: Ledger) -> None:
    """Match tensors of equal content whose names correspond under the learnt renaming."""
    keys_b = {name: key for key, names in group_by_content(ledger.b).items() for name in names}
    for key, names in group_by_content(ledger.a).items():
        for a in names:
            for b in ledger.expected(a):
                if keys_b.get(b) == key and _pair_if_equal(ledger, a, b, ()):
                    break


def settle_by_place(ledger: Ledger, *, constants: bool) -> None:
    """Match what is left of equal content by neighbours, by the end of the name, and by order.

    Args:
        constants: Also tensors all of whose elements are equal, scalars excepted: nothing tells one counter from another.
    """
    tied = _TiedNames(ledger, constants=constants)
    _pair_adjacent(ledger, tied, 1)
    _pair_adjacent(ledger, tied, -1)
    for key in list(tied.names_a):
        _pair_by_suffix(ledger, tied, key)
        _pair_in_order(ledger, tied, key)


class _TiedNames:
    """Names without a partner whose content occurs on both sides."""

    def __init__(self, ledger: Ledger, *, constants: bool) -> None:
        all_b = group_by_content(ledger.b)
        self.ledger = ledger
        self.names_a: dict[ContentKey, list[str]] = {}
        self.names_b: dict[ContentKey, list[str]] = {}
        for key, names in group_by_content(ledger.a).items():
            if key in all_b and (not key[1].constant or (constants and key[1].size > 1)):
                self.names_a[key], self.names_b[key] = names, all_b[key]
        self.key_a = {name: key for key, names in self.names_a.items() for name in names}
        self.key_b = {name: key for key, names in self.names_b.items() for name in names}

    def list_open_a(self, key: ContentKey) -> list[str]:
        return [name for name in self.names_a[key] if name in self.ledger.a.left]

    def list_open_b(self, key: ContentKey) -> list[str]:
        return [name for name in self.names_b[key] if name in self.ledger.b.left]


def _pair_adjacent(ledger: Ledger, tied: _TiedNames, step: int) -> None:
    """Follow both files in one direction: what comes after a matched pair on both sides, with equal content, is a pair."""
    names_a, names_b = ledger.a.names, ledger.b.names
    order = range(len(names_a))
    for index in order if step > 0 else reversed(order):
        a = names_a[index]
        previous = index - step
        if a not in tied.key_a or a not in ledger.a.left or not 0 <= previous < len(names_a):
            continue
        partner = ledger.partner.get(names_a[previous])
        if partner is None:
            continue
        position = ledger.b.position[partner] + step
        if 0 <= position < len(names_b):
            b = names_b[position]
            if b in ledger.b.left and tied.key_b.get(b) == tied.key_a[a]:
                _pair_if_equal(ledger, a, b, _list_tied_names(tied, a))


def _pair_by_suffix(ledger: Ledger, tied: _TiedNames, key: ContentKey) -> None:
    """Pair names that alone on their side share the end of the name, longest ends first."""
    depth = max((name.count(".") + 1 for name in tied.list_open_a(key)), default=0)
    for length in range(depth, 0, -1):
        ends_a, ends_b = (
            _group_by_ending(tied.list_open_a(key), length),
            _group_by_ending(tied.list_open_b(key), length),
        )
        for end, names in ends_a.items():
            if len(names) == 1 and len(ends_b.get(end, ())) == 1:
                _pair_if_equal(ledger, names[0], ends_b[end][0], _list_tied_names(tied, names[0]))


def _group_by_ending(names: Iterable[str], length: int) -> dict[str, list[str]]:
    result: dict[str, list[str]] = {}
    for name in names:
        parts = name.split(".")
        if len(parts) >= length:
            result.setdefault(".".join(parts[-length:]), []).append(name)
    return result


def _pair_in_order(ledger: Ledger, tied: _TiedNames, key: ContentKey) -> None:
    """Pair the rest in file order. Constants only if none is left over: a surplus means that they are not the same set."""
    names_a, names_b = tied.list_open_a(key), tied.list_open_b(key)
    if key[1].constant and len(names_a) != len(names_b):
        return
    open_names = dict.fromkeys(names_b)
    for a in names_a:
        for b in list(islice(open_names, MAX_TRIES)):
            if _pair_if_equal(ledger, a, b, _list_tied_names(tied, a)):
                del open_names[b]
                break


def _list_tied_names(tied: _TiedNames, a: str) -> list[str]:
    names = tied.names_a[tied.key_a[a]]
    return [name for name in names[:64] if name != a]


def _pair_if_equal(ledger: Ledger, a: str, b: str, other_names: Iterable[str]) -> bool:
    outcome = find_exact_move(
        ledger.a.array(a), ledger.b.array(b), alternatives=not ledger.a.fingerprints[a].constant
    )
    if outcome is None:
        return False
    ledger.pair(a, b, outcome, "neighbours")
    ledger.record_ties(b, list(other_names))
    return True
