"""A layer norm that stays in the graph for some of the layers behind it and is folded into the others.

litert-torch folds a norm into the layers that have a bias, and keeps gain and shift as they are for those that have none: with
query and key without a bias and a value with one, both forms stand side by side. Gain and shift have found their partners then,
and join the layers that took them in as well.
"""

from __future__ import annotations

from collections.abc import Iterator

from auscult.align.derived import HypothesisView, Proposal
from auscult.align.hypotheses.layer_norm_folded import (
    BiasFinder,
    FoldedLayer,
    find_folded_layers,
    find_shift,
    is_norm_gain,
)
from auscult.align.records import Match
from auscult.recipe.op import Op
from auscult.recipe.ops.copy import Copy
from auscult.recipe.ops.fold_layer_norm import FoldLayerNorm
from auscult.recipe.ops.parallel import Parallel
from auscult.recipe.ops.route import Route
from auscult.verdict import Equality

PRIORITY = 32
BOTH_WAYS = True


def propose(view: HypothesisView) -> Iterator[Proposal]:
    widths = {
        length
        for name in view.x.list_remaining()
        if len(view.x.shapes[name]) == 2
        for length in view.x.shapes[name]
    }
    if not widths or not any(len(view.y.sides(name)) == 2 for name in view.y.left):
        return
    biases = BiasFinder(view)
    for matches in _list_kept_norms(view, widths):
        norm = tuple(_get_names(view, match)[0] for match in matches)
        for dim in (1, 0):
            found = find_folded_layers(view, biases, norm[0], norm[1], dim)
            layers = [layer for layer in found if not layer.refuted]
            if layers:
                yield from _propose_both(view, matches, layers, dim)
                break


def _get_names(view: HypothesisView, match: Match) -> tuple[str, str]:
    """The name on side x, and the one on side y."""
    return (match.a[0], match.b[0]) if view.forward else (match.b[0], match.a[0])


def _list_kept_norms(view: HypothesisView, widths: set[int]) -> list[tuple[Match, Match]]:
    """Gain and shift of each layer norm that have found their partners, if layers without one are as wide."""
    matches = {
        _get_names(view, match)[0]: match
        for match in view.ledger.matches
        if len(match.a) == len(match.b) == 1 and match.equality is not Equality.DIFFERENT
    }
    norms = []
    for gain, match in matches.items():
        if view.x.shapes[gain] and view.x.shapes[gain][0] in widths and is_norm_gain(view.x, gain):
            shift = find_shift(view.x, gain, matches)
            if shift is not None:
                norms.append((match, matches[shift]))
    return norms


def _propose_both(
    view: HypothesisView, matches: tuple[Match, Match], layers: list[FoldedLayer], dim: int
) -> Iterator[Proposal]:
    """Gain and shift as they are, and the layers with both in them; the matches come back if it is not accepted."""
    gain, shift = (_get_names(view, match) for match in matches)
    sources = [name for layer in layers for name in layer.sources]
    targets = [name for layer in layers for name in layer.targets]
    fold = FoldLayerNorm(tuple(layer.form for layer in layers), True, dim)
    copy = (1, 2, (Copy(2),))
    ops: tuple[Op, ...] = (
        Parallel((copy, copy, (len(sources), len(sources), ()))),
        Route((0, 2, 1, 3, *range(4, 4 + len(sources)))),
        Parallel(((2, 2, ()), (2 + len(sources), len(targets), (fold,)))),
    )
    view.ledger.unsettle(matches)
    yield Proposal(
        (gain[0], shift[0], *sources),
        (gain[1], shift[1], *targets),
        ops,
        "norm-folded",
        computed=True,
        evidence={"norm": gain[0]},
    )
    if gain[0] in view.x.left:
        for match in matches:
            view.ledger.settle(match)
