"""A match seen from its other side: the way back from b to a, where there is one."""

from __future__ import annotations

from dataclasses import replace

from auscult.align.records import Match
from auscult.errors import RecipeError
from auscult.recipe.op import Op


def reverse_match(match: Match) -> Match:
    """The match with its sides exchanged, and with the operations that lead from the old b to the old a.

    Where no operation leads back (a sum, a folded norm), the operations stay and the match is `backward`.
    """
    exchanged = replace(match, a=match.b, b=match.a)
    if not match.ops and not any(match.after):
        return exchanged
    if match.backward:
        return replace(exchanged, backward=False)
    ops_back = _undo_ops(match)
    if ops_back is None:
        return replace(exchanged, backward=True)
    return replace(exchanged, ops=ops_back)


def list_ops_back(match: Match) -> tuple[Op, ...]:
    """The operations of `reverse_match(match)`, without the match."""
    if not match.ops or match.backward:
        return match.ops
    ops_back = _undo_ops(match)
    if ops_back is None:
        return match.ops
    return ops_back


def _undo_ops(match: Match) -> tuple[Op, ...] | None:
    """The operations from b to a; None where something that they need is gone."""
    if any(match.after):
        return None
    try:
        return tuple(op.undo() for op in reversed(match.ops))
    except RecipeError:
        return None
