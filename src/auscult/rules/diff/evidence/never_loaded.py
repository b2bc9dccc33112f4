"""Tensors of live code that a file has under other names, and that still hold what the constructor drew: never loaded.

Content cannot pair them, for the values differ, nor can equal names. Names and shapes do, among what is left on both sides.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain

from auscult.align.records import Match
from auscult.align.structure import pair_names
from auscult.rules.diff.evidence.difference import judge_freshness
from auscult.rules.diff.subject import DiffSubject
from auscult.verdict import Equality
from auscult.weights import Checkpoint

MIN_FRESH_SHARE = 0.5
"""Share of the left-over weights of the code that has to look freshly initialised. Chosen, not measured."""
MIN_FRESH_WEIGHTS = 1
"""Weights that have to look so. Chosen, not measured."""


@dataclass(frozen=True)
class NeverLoaded:
    """A parameter of the code (two tensors under weight norm) and what the file has for it.

    Attributes:
        code: Names in the model.
        file: Names in the file.
    """

    code: tuple[str, ...]
    file: tuple[str, ...]


def find_never_loaded(
    subject: DiffSubject, missing: Iterable[str], surplus: Iterable[str]
) -> tuple[NeverLoaded, ...]:
    """Pairs of what is left on the two sides, where one side is code whose left-over weights look fresh; else none.

    Args:
        missing, surplus: Names without a partner, of the reference and of the candidate.
    """
    names_a, names_b = tuple(missing), tuple(surplus)
    if subject.compares_shapes or subject.reference.is_code == subject.candidate.is_code:
        return ()
    if not names_a or not names_b:
        return ()
    alignment = pair_names(subject.reference, subject.candidate, names_a, names_b)
    pairs = [match for match in alignment.matches if match.equality is not Equality.DIFFERENT]
    code, is_reference = subject.candidate, False
    if subject.reference.is_code:
        code, is_reference = subject.reference, True
    sides = [_order_names(match, is_reference=is_reference) for match in pairs]
    if not _is_mostly_fresh(code, chain.from_iterable(pair.code for pair in sides)):
        return ()
    return tuple(sides)


def find_unloaded_matches(subject: DiffSubject, matches: Iterable[Match]) -> tuple[Match, ...]:
    """Those unequal pairs whose names a load does not join, where the code's weights look fresh; none unless most do.

    Such are a fused weight of the code and g and v of the file: each side knows names that the other has not.
    """
    if subject.compares_shapes or subject.reference.is_code == subject.candidate.is_code:
        return ()
    is_reference = subject.reference.is_code
    code = subject.reference if is_reference else subject.candidate
    unjoined = [match for match in matches if not set(match.a) & set(match.b)]
    names = chain.from_iterable(match.a if is_reference else match.b for match in unjoined)
    if not unjoined or not _is_mostly_fresh(code, names):
        return ()
    return tuple(unjoined)


def _order_names(match: Match, *, is_reference: bool) -> NeverLoaded:
    if is_reference:
        return NeverLoaded(match.a, match.b)
    return NeverLoaded(match.b, match.a)


def _is_mostly_fresh(code: Checkpoint, names: Iterable[str]) -> bool:
    """Whether the weights (two axes or more) among these look as their constructor left them."""
    weights = [name for name in names if sum(side > 1 for side in code[name].shape) >= 2]
    fresh_count = sum(judge_freshness(code[name].values()) is not None for name in weights)
    return fresh_count >= max(MIN_FRESH_WEIGHTS, MIN_FRESH_SHARE * len(weights))
