"""Ties: several tensors with the same content, settled by their neighbours.

Content cannot tell zero biases, fresh norm gains or copies of one buffer apart. The learnt renaming decides first, then
the place between tensors that are already matched, then the end of the name, then the order in the file. Whatever no name
settled is recorded as ambiguous.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice

from auscult.align.compare import exactly
from auscult.align.exact import Key, buckets
from auscult.align.ledger import Ledger

TRIES = 8  # equal fingerprints nearly always confirm at once


def settle_by_name(ledger: Ledger) -> None:
    """Match tensors of equal content whose names correspond under the learnt renaming."""
    keys_b = {name: key for key, names in buckets(ledger.b).items() for name in names}
    for key, names in buckets(ledger.a).items():
        for a in names:
            for b in ledger.expected(a):
                if keys_b.get(b) == key and _pair(ledger, a, b, ()):
                    break


def settle_by_place(ledger: Ledger, *, constants: bool) -> None:
    """Match what is left of equal content by neighbours, by the end of the name, and by order.

    Args:
        constants: Also tensors all of whose elements are equal, scalars excepted: nothing tells one counter from another.
    """
    tied = _Tied(ledger, constants=constants)
    _adjacent(ledger, tied, 1)
    _adjacent(ledger, tied, -1)
    for key in list(tied.names_a):
        _by_suffix(ledger, tied, key)
        _in_order(ledger, tied, key)


class _Tied:
    """Names without a partner whose content occurs on both sides."""

    def __init__(self, ledger: Ledger, *, constants: bool) -> None:
        all_b = buckets(ledger.b)
        self.ledger = ledger
        self.names_a: dict[Key, list[str]] = {}
        self.names_b: dict[Key, list[str]] = {}
        for key, names in buckets(ledger.a).items():
            if key in all_b and (not key[1].constant or (constants and key[1].size > 1)):
                self.names_a[key], self.names_b[key] = names, all_b[key]
        self.key_a = {name: key for key, names in self.names_a.items() for name in names}
        self.key_b = {name: key for key, names in self.names_b.items() for name in names}

    def open_a(self, key: Key) -> list[str]:
        return [name for name in self.names_a[key] if name in self.ledger.a.left]

    def open_b(self, key: Key) -> list[str]:
        return [name for name in self.names_b[key] if name in self.ledger.b.left]


def _adjacent(ledger: Ledger, tied: _Tied, step: int) -> None:
    """Follow both files in one direction: what comes after a matched pair on both sides, with equal content, is a pair."""
    names_a, names_b = ledger.a.names, ledger.b.names
    for index in range(len(names_a)) if step > 0 else range(len(names_a) - 1, -1, -1):
        a = names_a[index]
        before = index - step
        if a not in tied.key_a or a not in ledger.a.left or not 0 <= before < len(names_a):
            continue
        partner = ledger.partner.get(names_a[before])
        place = ledger.b.position[partner] + step if partner is not None else -1
        if 0 <= place < len(names_b):
            b = names_b[place]
            if b in ledger.b.left and tied.key_b.get(b) == tied.key_a[a]:
                _pair(ledger, a, b, _others(tied, a))


def _by_suffix(ledger: Ledger, tied: _Tied, key: Key) -> None:
    """Pair names that alone on their side share the end of the name, longest ends first."""
    depth = max((name.count(".") + 1 for name in tied.open_a(key)), default=0)
    for length in range(depth, 0, -1):
        ends_a, ends_b = _by_end(tied.open_a(key), length), _by_end(tied.open_b(key), length)
        for end, names in ends_a.items():
            if len(names) == 1 and len(ends_b.get(end, ())) == 1:
                _pair(ledger, names[0], ends_b[end][0], _others(tied, names[0]))


def _by_end(names: Iterable[str], length: int) -> dict[str, list[str]]:
    result: dict[str, list[str]] = {}
    for name in names:
        parts = name.split(".")
        if len(parts) >= length:
            result.setdefault(".".join(parts[-length:]), []).append(name)
    return result


def _in_order(ledger: Ledger, tied: _Tied, key: Key) -> None:
    """Pair the rest in file order. Constants only if none is left over: a surplus means that they are not the same set."""
    names_a, names_b = tied.open_a(key), tied.open_b(key)
    if key[1].constant and len(names_a) != len(names_b):
        return
    waiting = dict.fromkeys(names_b)
    for a in names_a:
        for b in list(islice(waiting, TRIES)):
            if _pair(ledger, a, b, _others(tied, a)):
                del waiting[b]
                break


def _others(tied: _Tied, a: str) -> list[str]:
    names = tied.names_a[tied.key_a[a]]
    return [name for name in names[:64] if name != a]


def _pair(ledger: Ledger, a: str, b: str, others: Iterable[str]) -> bool:
    outcome = exactly(
        ledger.a.array(a), ledger.b.array(b), alternatives=not ledger.a.prints[a].constant
    )
    if outcome is None:
        return False
    ledger.pair(a, b, outcome, "neighbours")
    ledger.note_ties(b, list(others))
    return True
