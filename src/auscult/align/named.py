"""What no content explains but names do: pairs that differ, with the evidence for why."""

from __future__ import annotations

from auscult.align.evidence import Difference, compare_pair
from auscult.align.ledger import Ledger
from auscult.align.records import Match
from auscult.align.side import in_threads
from auscult.verdict import Equality


def match_by_name(ledger: Ledger) -> None:
    """Pair the rest by name (under the learnt renaming), as DIFFERENT; shapes may differ."""
    for match in ledger.refuted:
        if all(name in ledger.a.left for name in match.a) and all(
            name in ledger.b.left for name in match.b
        ):
            ledger.settle(match)
    pairs: list[tuple[str, str]] = []
    used: set[str] = set()
    for a in ledger.a.remaining():
        for b in ledger.expected(a):
            if b not in used:
                used.add(b)
                pairs.append((a, b))
                break

    def look(pair: tuple[str, str]) -> Difference:
        return compare_pair(ledger.a.array(pair[0]), ledger.b.array(pair[1]))

    sizes = [ledger.a.size(a) for a, _ in pairs]
    for (a, b), found in zip(pairs, in_threads(look, pairs, sizes), strict=True):
        ledger.settle(
            Match(
                (a,),
                (b,),
                found.ops,
                Equality.DIFFERENT,
                "name",
                found.error,
                evidence=found.evidence,
            )
        )
