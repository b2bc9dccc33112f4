"""The exact level: tensors that hold the same bits, whatever their names and axis orders."""

from __future__ import annotations

from collections.abc import Sequence

from auscult.align.compare import PairOutcome, find_exact_move
from auscult.align.fingerprint import Fingerprint
from auscult.align.ledger import Ledger
from auscult.align.side import CheckpointSide, map_in_threads
from auscult.align.small_tensors import find_small_exact_moves

ContentKey = tuple[str, Fingerprint]


def match_exactly(ledger: Ledger) -> None:
    """Match what content alone decides, and what has the same name and the same content."""
    keys_b = group_by_content(ledger.b)
    same_name_pairs: list[tuple[str, str]] = []
    single_pairs: list[tuple[str, str]] = []
    for key, names_a in group_by_content(ledger.a).items():
        names_b = keys_b.get(key)
        if names_b is None:
            continue
        name_set_b = set(names_b)
        same_name_pairs += [(name, name) for name in names_a if name in name_set_b]
        if len(names_a) == len(names_b) == 1 and names_a != names_b and is_telling_key(key):
            single_pairs.append((names_a[0], names_b[0]))
    confirm_pairs(ledger, same_name_pairs + single_pairs)


def is_telling_key(key: ContentKey) -> bool:
    """Whether the content says anything about identity: it varies, or it is one value with more digits than people write."""
    dtype_name, fingerprint = key
    if not fingerprint.constant:
        return True
    return (dtype_name == "float32" and fingerprint.low & 0xFFFF != 0) or (
        dtype_name == "float64" and fingerprint.low & 0xFFFFFFFF != 0
    )


def group_by_content(side: CheckpointSide) -> dict[ContentKey, list[str]]:
    """Names without a partner by dtype and fingerprint, in file order."""
    result: dict[ContentKey, list[str]] = {}
    for name in side.left:
        result.setdefault((side.kinds[name], side.fingerprints[name]), []).append(name)
    return result


def confirm_pairs(ledger: Ledger, pairs: Sequence[tuple[str, str]]) -> None:
    """Compare the proposed pairs (no name twice) on their elements, and settle those that are equal."""
    constants = {a for a, _ in pairs if ledger.a.fingerprints[a].constant}

    def compare_contents(pair: tuple[str, str]) -> PairOutcome | None:
        a, b = pair
        return find_exact_move(
            ledger.a.array(a), ledger.b.array(b), alternatives=a not in constants
        )

    outcomes = find_small_exact_moves(ledger.a.small, ledger.b.small, pairs, constants)
    large_pairs = [pair for pair in pairs if pair not in outcomes]
    sizes = [ledger.a.size(a) for a, _ in large_pairs]
    large_outcomes = map_in_threads(compare_contents, large_pairs, sizes)
    for a, b in pairs:
        outcome = outcomes[a, b] if (a, b) in outcomes else next(large_outcomes)
        if outcome is not None:
            ledger.pair(a, b, outcome, "content")
