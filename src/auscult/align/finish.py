"""The last step: exchanged tensors, copies of matched ones, and everything in file order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from auscult.align.compare import exactly
from auscult.align.fingerprint import bits
from auscult.align.ledger import Ledger
from auscult.align.naming import weight_norm_pair
from auscult.align.records import Alignment, Match
from auscult.align.side import Side
from auscult.recipe.op import Op
from auscult.verdict import Equality


def alignment_of(ledger: Ledger) -> Alignment:
    """The finished alignment, matches in the order of side a."""
    matches = _one_scramble(ledger, mark_swapped(ledger))
    matches.sort(key=lambda match: min(ledger.a.position[name] for name in match.a))
    return Alignment(
        tuple(matches),
        tuple(ledger.a.left),
        tuple(ledger.b.left),
        (*ledger.a.skips.values(), *ledger.b.skips.values()),
        ledger.ambiguous,
        tuple(ledger.a.skips),
        tuple(ledger.b.skips),
        _copies(ledger.a, [name for match in matches for name in match.a]),
        _copies(ledger.b, [name for match in matches for name in match.b]),
    )


def mark_swapped(ledger: Ledger) -> list[Match]:
    """The matches, those marked as a fault whose contents stand under each other's names.

    Such names form cycles: x has the content of y's name, and so on back to x. A shifted numbering is no cycle.
    """
    partner = {match.a[0]: match.b[0] for match in ledger.matches if _single(match)}
    holder = {b: a for a, b in partner.items()}
    if any(a != b and a not in ledger.b.position for a, b in partner.items()):
        ledger.learn(always=True)
    home = {a: _home(ledger, a, b) for a, b in partner.items()}
    crossed: dict[str, str] = {}
    for a, b in partner.items():
        wanted = home[a]
        if wanted != b and _closes(a, partner, holder, home):
            crossed[a] = wanted
    return [_marked(match, crossed) for match in ledger.matches]


def _marked(match: Match, crossed: Mapping[str, str]) -> Match:
    if match.cause is not None or len(match.a) != 1 or match.equality is Equality.DIFFERENT:
        return match
    roles = _roles_crossed(match)
    wanted = crossed.get(match.a[0])
    if wanted is None and not roles:
        return match
    evidence = {**match.evidence, "expected": wanted} if wanted else match.evidence
    return replace(
        match, cause="weight-norm-swapped" if roles else "swapped", fault=True, evidence=evidence
    )


def _one_scramble(ledger: Ledger, matches: list[Match]) -> list[Match]:
    """Beside tensors in the wrong memory order, a transposed one that the same mistake explains is one of them.

    For a square matrix the two are the same; the file's other tensors tell which it was.
    """
    scrambles: set[tuple[Op, ...]] = {
        match.ops for match in matches if match.cause == "layout-fortran" and len(match.ops) == 1
    }
    return [_scrambled(ledger, match, scrambles) for match in matches] if scrambles else matches


def _scrambled(ledger: Ledger, match: Match, scrambles: set[tuple[Op, ...]]) -> Match:
    if (
        [op.op for op in match.ops] != ["permute"]
        or match.a != match.b
        or match.equality is not Equality.EXACT
    ):
        return match
    for ops in sorted(scrambles, key=repr):
        a, b = ledger.a.array(match.a[0]), ledger.b.array(match.b[0])
        if (
            a.shape == b.shape
            and ops[0].op == "fortran"
            and bool((bits(ops[0].apply([a])[0]) == bits(b)).all())
        ):
            evidence = {**match.evidence, "also": [op.to_json() for op in match.ops]}
            return replace(match, ops=ops, cause="layout-fortran", fault=True, evidence=evidence)
    return match


def _single(match: Match) -> bool:
    return (
        len(match.a) == len(match.b) == 1
        and match.equality is not Equality.DIFFERENT
        and match.by == "content"
    )


def _home(ledger: Ledger, a: str, b: str) -> str:
    """The name on side b under which `a` would be looked for: its own, or the one that more pairs speak for than for `b`."""
    if a in ledger.b.position:
        return a
    votes = [(name, count) for name, count in ledger.renaming.votes(a) if name in ledger.b.position]
    least = max((count for name, count in votes if name == b), default=0)
    return max(((count, name) for name, count in votes if count > least), default=(0, b))[1]


def _closes(
    start: str, partner: Mapping[str, str], holder: Mapping[str, str], home: Mapping[str, str]
) -> bool:
    """Whether following content to names comes back to `start`, and all shapes on the way let names be exchanged."""
    a = start
    for _ in range(len(partner)):
        wanted = home[a]
        if wanted not in holder:
            return False
        a = holder[wanted]
        if a == start:
            return True
    return False


def _roles_crossed(match: Match) -> bool:
    """Whether g of a weight norm on one side is v on the other."""
    pairs = weight_norm_pair(match.a[0]), weight_norm_pair(match.b[0])
    if pairs[0] is None or pairs[1] is None:
        return False
    return pairs[0].names.index(match.a[0]) != pairs[1].names.index(match.b[0])


def _copies(side: Side, matched: list[str]) -> dict[str, str]:
    """For names that are left over: a matched name of the same side with the same content."""
    if not side.left:
        return {}
    by_print = {(side.kinds[name], side.prints[name]): name for name in reversed(matched)}
    result = {}
    for name in side.left:
        other = by_print.get((side.kinds[name], side.prints[name]))
        if other is not None and not side.prints[name].constant:
            outcome = exactly(side.array(other), side.array(name), alternatives=False)
            if outcome is not None and outcome.move.nothing:
                result[name] = other
    return result
