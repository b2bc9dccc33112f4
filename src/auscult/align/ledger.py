"""The state of an alignment: both sides, the matches found so far, and what they teach about names."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from auscult.align.compare import PairOutcome
from auscult.align.records import Match, MatchBasis
from auscult.align.renaming import Renaming
from auscult.align.side import CheckpointSide, remove_names, restore_names
from auscult.errors import RecipeError
from auscult.recipe.op import Op
from auscult.weights import Quantization, Tensor

MAX_PARTNERS = 16  # names listed for one ambiguity; a file of zeros would list every pair otherwise


class Ledger:
    """Matches in the making. Every name leaves `left` of its side when it enters a match.

    Attributes:
        partner: Name on side b for each matched single name on side a.
        tried: Pairs that were compared on their elements and are not the same.
        alike: Pairs whose fingerprints agree after a cast.
        refuted: Derived matches that names suggest and the elements refute.
        renaming: What the matches teach about names, from side a to side b; `back` the other way. See `learn`.
    """

    def __init__(self, a: CheckpointSide, b: CheckpointSide) -> None:
        self.a, self.b = a, b
        self.matches: list[Match] = []
        self.partner: dict[str, str] = {}
        self.ambiguous: dict[str, tuple[str, ...]] = {}
        self.tried_pairs: set[tuple[str, str]] = set()
        self.refuted_matches: list[Match] = []
        self.alike_pairs: list[tuple[str, str]] = []
        self._learnt_count = 0
        self.renaming = Renaming.of(())
        self.renaming_back = Renaming.of(())

    @property
    def open(self) -> bool:
        """Whether any tensor of either side is still without a partner."""
        return bool(self.a.left or self.b.left)

    @property
    def reverse(self) -> dict[str, str]:
        """`partner`, from side b to side a."""
        return {b: a for a, b in self.partner.items()}

    def settle(self, match: Match) -> None:
        """Accept a match: its tensors are taken on both sides."""
        remove_names(self.a, match.a)
        remove_names(self.b, match.b)
        self.matches.append(match)
        if len(match.a) == len(match.b) == 1:
            self.partner[match.a[0]] = match.b[0]

    def unsettle(self, matches: Sequence[Match]) -> None:
        """Take matches back: their tensors are without a partner again."""
        if not matches:
            return
        withdrawn = {id(match) for match in matches}
        self.matches = [match for match in self.matches if id(match) not in withdrawn]
        for match in matches:
            self.partner.pop(match.a[0], None)
        restore_names(self.a, [name for match in matches for name in match.a])
        restore_names(self.b, [name for match in matches for name in match.b])

    def pair(self, a: str, b: str, outcome: PairOutcome, by: MatchBasis) -> None:
        """Accept a pair of single tensors with what was found on their elements."""
        ops = add_quantization_ops(self.a.tensor(a), self.b.tensor(b), outcome.ops)
        evidence: dict[str, Any] = {}
        if outcome.other_moves and not self.a.fingerprints[a].constant:
            evidence["also_permutations"] = [
                list(move.axes or range(len(move.source))) for move in outcome.other_moves
            ]
        if outcome.rounding:
            evidence["rounding"] = outcome.rounding
        self.settle(
            Match(
                (a,),
                (b,),
                ops,
                outcome.equality,
                by,
                outcome.error,
                outcome.number_format,
                evidence=evidence,
            )
        )

    def update_renaming(self, *, always: bool = False) -> None:
        """Learn the renaming from the pairs whose content left no doubt, if there are names left that may need it."""
        if len(self.matches) == self._learnt_count or not (always or (self.a.left and self.b.left)):
            return
        self._learnt_count = len(self.matches)
        certain_pairs = [
            (match.a[0], match.b[0])
            for match in self.matches
            if match.by == "content" and len(match.a) == len(match.b) == 1
        ]
        telling_pairs = [
            pair for pair in certain_pairs if not self.a.fingerprints[pair[0]].constant
        ]
        self.renaming = Renaming.of(telling_pairs)
        self.renaming_back = Renaming.of((b, a) for a, b in telling_pairs)

    def expected(self, a: str) -> Iterator[str]:
        """Names on side b that `a` may go by: learnt ones first, then its own; only those still without a partner."""
        visited_names = set()
        respelt_names = self._names_by_spelling.get(_simplify_spelling(a), ())
        for name in (*self.renaming.predict_names(a), a, *respelt_names):
            if name in self.b.left and name not in visited_names:
                visited_names.add(name)
                yield name

    @cached_property
    def _names_by_spelling(self) -> dict[str, list[str]]:
        """Names of side b by what is left of them when separators and capitals are not told apart."""
        names: dict[str, list[str]] = {}
        for name in self.b.checkpoint:
            names.setdefault(_simplify_spelling(name), []).append(name)
        return {spelling: names for spelling, names in names.items() if len(names) == 1}

    def record_ties(self, b: str, other_names: Sequence[str]) -> None:
        """Remember that the partner of `b` was chosen among equals."""
        if other_names:
            self.ambiguous[b] = tuple(other_names[:MAX_PARTNERS])


def _simplify_spelling(name: str) -> str:
    return name.replace("_", ".").replace("/", ".").lower()


def add_quantization_ops(a: Tensor, b: Tensor, ops: tuple[Op, ...]) -> tuple[Op, ...]:
    """The ops between what is stored: dequantised first and quantised last, where a side keeps integers with a scale."""
    if a.quantization is None and b.quantization is None:
        return ops
    if not ops and _has_same_quantization(a, b):
        return ops
    from auscult.recipe.ops.dequantize import Dequantize
    from auscult.recipe.ops.quantize import Quantize

    try:
        if a.quantization:
            quantized_ops = (Dequantize(*_get_affine_parameters(a.quantization, a.dtype)), *ops)
        else:
            quantized_ops = ops
        if b.quantization:
            quantize = Quantize(*_get_affine_parameters(b.quantization, b.dtype))
            quantized_ops = (*quantized_ops, quantize)
    except RecipeError:
        # a scale of zero, or integers wider than the operation knows: the values still compare
        return ops
    return quantized_ops


def _get_affine_parameters(
    quantization: Quantization, dtype: str
) -> tuple[tuple[float, ...], tuple[int, ...], int | None, str]:
    scale = tuple(float(value) for value in np.asarray(quantization.scale, np.float32).reshape(-1))
    zero_points = tuple(int(value) for value in np.asarray(quantization.zero_point).reshape(-1))
    return scale, zero_points or (0,), quantization.axis if len(scale) > 1 else None, dtype


def _has_same_quantization(a: Tensor, b: Tensor) -> bool:
    if a.quantization is None or b.quantization is None:
        return False
    return _get_affine_parameters(a.quantization, a.dtype) == _get_affine_parameters(
        b.quantization, b.dtype
    )
