"""The exact level: tensors that hold the same bits, whatever their names and axis orders."""

from __future__ import annotations

from collections.abc import Sequence

from auscult.align.compare import Outcome, exactly
from auscult.align.fingerprint import Print
from auscult.align.ledger import Ledger
from auscult.align.side import Side, in_threads

Key = tuple[str, Print]


def match_exactly(ledger: Ledger) -> None:
    """Match what content alone decides, and what has the same name and the same content."""
    keys_b = buckets(ledger.b)
    named: list[tuple[str, str]] = []
    lone: list[tuple[str, str]] = []
    for key, names_a in buckets(ledger.a).items():
        names_b = keys_b.get(key)
        if names_b is None:
            continue
        same = set(names_b)
        named += [(name, name) for name in names_a if name in same]
        if len(names_a) == len(names_b) == 1 and names_a != names_b and telling(key):
            lone.append((names_a[0], names_b[0]))
    confirm(ledger, named + lone)


def telling(key: Key) -> bool:
    """Whether the content says anything about identity: it varies, or it is one value with more digits than people write."""
    kind, found = key
    if not found.constant:
        return True
    return (kind == "float32" and found.low & 0xFFFF != 0) or (
        kind == "float64" and found.low & 0xFFFFFFFF != 0
    )


def buckets(side: Side) -> dict[Key, list[str]]:
    """Names without a partner by dtype and fingerprint, in file order."""
    result: dict[Key, list[str]] = {}
    for name in side.left:
        result.setdefault((side.kinds[name], side.prints[name]), []).append(name)
    return result


def confirm(ledger: Ledger, pairs: Sequence[tuple[str, str]]) -> None:
    """Compare the proposed pairs (no name twice) on their elements, and settle those that are equal."""
    sizes = [ledger.a.size(a) for a, _ in pairs]

    def look(pair: tuple[str, str]) -> Outcome | None:
        a, b = pair
        return exactly(
            ledger.a.array(a), ledger.b.array(b), alternatives=not ledger.a.prints[a].constant
        )

    for (a, b), outcome in zip(pairs, in_threads(look, list(pairs), sizes), strict=True):
        if outcome is not None:
            ledger.pair(a, b, outcome, "content")
