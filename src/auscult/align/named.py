"""What no content explains but names do: pairs that differ, with the evidence for why."""

from __future__ import annotations

from auscult.align.evidence import PairEvidence, compare_pair
from auscult.align.ledger import Ledger
from auscult.align.records import Match
from auscult.align.side import map_in_threads
from auscult.verdict import Equality


def match_by_name(ledger: Ledger) -> None:
    """Pair the rest by name (under the learnt renaming), as DIFFERENT; shapes may differ."""
    for match in ledger.refuted_matches:
        if all(name in ledger.a.left for name in match.a) and all(
            name in ledger.b.left for name in match.b
        ):
            ledger.settle(match)
    pairs: list[tuple[str, str]] = []
    used_names: set[str] = set()
    for a in ledger.a.list_remaining():
        for b in ledger.expected(a):
            if b not in used_names:
                used_names.add(b)
                pairs.append((a, b))
                break

    def measure_pair(pair: tuple[str, str]) -> PairEvidence:
        return compare_pair(ledger.a.array(pair[0]), ledger.b.array(pair[1]))

    sizes = [ledger.a.size(a) for a, _ in pairs]
    for (a, b), pair_evidence in zip(
        pairs, map_in_threads(measure_pair, pairs, sizes), strict=True
    ):
        ledger.settle(
            Match(
                (a,),
                (b,),
                pair_evidence.ops,
                Equality.DIFFERENT,
                "name",
                pair_evidence.error,
                evidence=pair_evidence.evidence,
            )
        )
