"""The last step: exchanged tensors, copies of matched ones, and everything in file order."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from auscult.align.compare import find_exact_move
from auscult.align.fingerprint import view_as_bits
from auscult.align.gate_orders import mark_crossed_gates
from auscult.align.ledger import Ledger
from auscult.align.misplaced import find_displacing, find_misplaced
from auscult.align.naming import find_weight_norm_pair
from auscult.align.records import Match, WeightAlignment
from auscult.align.renaming import Renaming
from auscult.align.side import CheckpointSide
from auscult.align.wrong_orders import mark_wrong_orders
from auscult.finding import Skip
from auscult.recipe.op import Op
from auscult.verdict import Equality


def build_alignment(ledger: Ledger) -> WeightAlignment:
    """The finished alignment, matches in the order of side a."""
    matches = _unify_scrambles(ledger, mark_swapped_matches(ledger))
    matches = mark_wrong_orders(matches, ledger.a, ledger.b)
    matches = mark_crossed_gates(ledger, matches)
    matches.sort(key=lambda match: min(ledger.a.position[name] for name in match.a))
    without_partner_a = _find_unread_partners(ledger.a.left, ledger.b, ledger.renaming)
    without_partner_b = _find_unread_partners(ledger.b.left, ledger.a, ledger.renaming_back)
    return WeightAlignment(
        tuple(matches),
        tuple(name for name in ledger.a.left if name not in without_partner_a),
        tuple(name for name in ledger.b.left if name not in without_partner_b),
        tuple({**ledger.b.skips, **ledger.a.skips}.values()),
        ledger.ambiguous,
        (*ledger.a.skips, *without_partner_a),
        (*ledger.b.skips, *without_partner_b),
        _find_copies(ledger.a, [name for match in matches for name in match.a]),
        _find_copies(ledger.b, [name for match in matches for name in match.b]),
    )


def _find_unread_partners(
    names: Iterable[str], other: CheckpointSide, renaming: Renaming
) -> tuple[str, ...]:
    """The names whose partner is there and could not be read: they are not missing.

    Of a graph, whose names are its operators', and of what tells no names, it may be the partner of any.
    """
    unread = other.skips
    if not unread:
        return ()
    if any(_may_be_any_weight(skip, other) for skip in unread.values()):
        return tuple(names)
    return tuple(
        name
        for name in names
        if name in unread or any(known in unread for known in renaming.predict_names(name))
    )


def _may_be_any_weight(skip: Skip, side: CheckpointSide) -> bool:
    return skip.hides_weights or (skip.is_weight and side.checkpoint.is_graph)


def mark_swapped_matches(ledger: Ledger) -> list[Match]:
    """The matches, those marked as a fault whose contents stand under each other's names.

    Such names form cycles: x has the content of y's name, and so on back to x. A shifted numbering is no cycle.
    """
    partner = {match.a[0]: match.b[0] for match in ledger.matches if _is_single_pair(match)}
    holder = {b: a for a, b in partner.items()}
    if any(a != b and a not in ledger.b.position for a, b in partner.items()):
        ledger.update_renaming(always=True)
    home_names = {a: _find_home_name(ledger, a, b) for a, b in partner.items()}
    misplaced = find_misplaced(ledger, partner)
    home_names |= {a: home for a, home in misplaced.items() if home_names[a] == partner[a]}
    expected_names = find_displacing(ledger, partner)
    for a, b in partner.items():
        home_name = home_names[a]
        if home_name != b and _is_in_cycle(a, partner, holder, home_names):
            expected_names[a] = home_name
    return [_mark_fault(match, expected_names) for match in ledger.matches]


def _mark_fault(match: Match, expected_names: Mapping[str, str]) -> Match:
    if match.cause is not None or len(match.a) != 1 or match.equality is Equality.DIFFERENT:
        return match
    roles_crossed = _has_crossed_roles(match)
    expected_name = expected_names.get(match.a[0])
    if expected_name is None and not roles_crossed:
        return match
    evidence = {**match.evidence, "expected": expected_name} if expected_name else match.evidence
    return replace(
        match,
        cause="weight-norm-swapped" if roles_crossed else "swapped",
        fault=True,
        evidence=evidence,
    )


def _unify_scrambles(ledger: Ledger, matches: list[Match]) -> list[Match]:
    """Beside tensors in the wrong memory order, a transposed one that the same mistake explains is one of them.

    For a square matrix the two are the same; the file's other tensors tell which it was.
    """
    scrambles: set[tuple[Op, ...]] = {
        match.ops for match in matches if match.cause == "layout-fortran" and len(match.ops) == 1
    }
    if scrambles:
        return [_explain_as_scramble(ledger, match, scrambles) for match in matches]
    return matches


def _explain_as_scramble(ledger: Ledger, match: Match, scrambles: set[tuple[Op, ...]]) -> Match:
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
            and bool((view_as_bits(ops[0].apply([a])[0]) == view_as_bits(b)).all())
        ):
            evidence = {**match.evidence, "also": [op.to_json() for op in match.ops]}
            return replace(match, ops=ops, cause="layout-fortran", fault=True, evidence=evidence)
    return match


def _is_single_pair(match: Match) -> bool:
    return (
        len(match.a) == len(match.b) == 1
        and match.equality is not Equality.DIFFERENT
        and match.by == "content"
    )


def _find_home_name(ledger: Ledger, a: str, b: str) -> str:
    """The name on side b under which `a` would be looked for: its own, or the one that more pairs speak for than for `b`."""
    if a in ledger.b.position:
        return a
    votes = [
        (name, count) for name, count in ledger.renaming.iter_votes(a) if name in ledger.b.position
    ]
    least_votes = max((count for name, count in votes if name == b), default=0)
    return max(((count, name) for name, count in votes if count > least_votes), default=(0, b))[1]


def _is_in_cycle(
    start: str, partner: Mapping[str, str], holder: Mapping[str, str], home_names: Mapping[str, str]
) -> bool:
    """Whether following content to names comes back to `start`, and all shapes on the way let names be exchanged."""
    a = start
    for _ in range(len(partner)):
        home_name = home_names[a]
        if home_name not in holder:
            return False
        a = holder[home_name]
        if a == start:
            return True
    return False


def _has_crossed_roles(match: Match) -> bool:
    """Whether g of a weight norm on one side is v on the other."""
    if match.a == match.b:
        return False
    pairs = find_weight_norm_pair(match.a[0]), find_weight_norm_pair(match.b[0])
    if pairs[0] is None or pairs[1] is None:
        return False
    return pairs[0].names.index(match.a[0]) != pairs[1].names.index(match.b[0])


def _find_copies(side: CheckpointSide, matched_names: list[str]) -> dict[str, str]:
    """For names that are left over: a matched name of the same side with the same content."""
    if not side.left:
        return {}
    by_print = {
        (side.kinds[name], side.fingerprints[name]): name for name in reversed(matched_names)
    }
    result = {}
    for name in side.left:
        matched_name = by_print.get((side.kinds[name], side.fingerprints[name]))
        if matched_name is not None and not side.fingerprints[name].constant:
            outcome = find_exact_move(
                side.array(matched_name), side.array(name), alternatives=False
            )
            if outcome is not None and outcome.move.is_identity:
                result[name] = matched_name
    return result
