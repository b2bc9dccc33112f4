"""Weight norm that was just applied: v is the fused weight itself, and g its norm.

The levels before the hypotheses then find v as the other side's weight, bit for bit, and leave g over. Here such a pair is
taken apart again and g joins v, if the fusion of both is the weight within rounding. If g is another gain, both together
are what differs from the weight: v alone was taken for it, and is not what the layer computes with.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import prod

from auscult.align.derived import HypothesisView, Proposal, confirm_proposal
from auscult.align.hypotheses.weight_norm import find_gain_axes, propose_vectors_alone
from auscult.align.ledger import Ledger
from auscult.align.naming import find_weight_norm_pair
from auscult.align.records import Match
from auscult.recipe.ops.fuse_weight_norm import FuseWeightNorm
from auscult.verdict import Equality


def rejoin_fresh_weight_norms(ledger: Ledger) -> None:
    """Match (g, v) with a fused weight that v alone was matched with."""
    for forward in (True, False):
        view = HypothesisView(ledger, forward=forward)
        half_pairs = list(_iter_half_pairs(view))
        ledger.unsettle([match for _, _, match in half_pairs])
        for gain, vectors, match in half_pairs:
            ledger.settle(_fuse_pair(view, gain, vectors, match) or match)


def _iter_half_pairs(view: HypothesisView) -> Iterator[tuple[str, str, Match]]:
    """(g, v, the match of v) for each g without a partner whose v was found as a tensor that is no part of weight norm."""
    matches = {
        (match.a if view.forward else match.b): match
        for match in view.ledger.matches
        if len(match.a) == len(match.b) == 1 and match.equality is not Equality.DIFFERENT
    }
    for name in view.x.list_remaining():
        pair = find_weight_norm_pair(name)
        if pair is None:
            continue
        vectors = next(part for part in pair.names if part != name)
        match = matches.get((vectors,))
        if match is None or prod(view.x.shapes[name]) > prod(view.x.shapes[vectors]):
            continue
        targets = match.b if view.forward else match.a
        if find_weight_norm_pair(targets[0]) is None:
            yield name, vectors, match


def _fuse_pair(view: HypothesisView, gain: str, vectors: str, match: Match) -> Match | None:
    pair = find_weight_norm_pair(gain)
    is_exchanged = pair is not None and pair.names[0] == vectors
    target = (match.b if view.forward else match.a)[0]
    axes = find_gain_axes(view.x.shapes[gain], view.x.shapes[vectors])
    for axis in axes:
        fused_match = confirm_proposal(
            view,
            Proposal(
                (gain, vectors),
                (target,),
                (FuseWeightNorm(axis),),
                "weight-norm-swapped" if is_exchanged else "weight-norm-unfused",
                is_exchanged,
                computed=True,
            ),
        )
        if fused_match is not None:
            return fused_match
    if not axes:
        return None
    return confirm_proposal(view, propose_vectors_alone(gain, vectors, target, axes[0]))
