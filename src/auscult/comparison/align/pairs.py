"""The records of an alignment of layers: a pair, and all pairs of two traces."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from auscult.comparison.align.axes import AxisOrder
from auscult.finding import Skip

PairBasis = Literal["map", "root", "weights", "derived", "parts", "name", "order", "values"]
JoinKind = Literal["last", "concat", "directions"]


@dataclass(frozen=True)
class LayerPair:
    """Modules of the reference that are modules of the candidate.

    Attributes:
        reference, candidate: Module paths in the order in which they ran. More than one where one side does in
            one module what the other does in several: then the last output is compared, or with
            `join` "concat" all outputs side by side. With "directions" a recurrent layer runs both ways and each
            of the other side's modules one way: what the code around these hands on is compared.
        by: What established the pair: the user's map, being the whole model, the same weights,
            weights that one can be derived from the other (fused, folded, concatenated), the same
            parts, the name, the order between neighbours, or what they computed.
        doubt: What speaks against it; empty where nothing does.
    """

    reference: tuple[str, ...]
    candidate: tuple[str, ...]
    by: PairBasis
    join: JoinKind = "last"
    doubt: str = ""

    @property
    def a(self) -> str:
        """The reference's module at the boundary."""
        return self.reference[-1]

    @property
    def b(self) -> str:
        """The candidate's module at the boundary."""
        return self.candidate[-1]

    @property
    def is_single(self) -> bool:
        return len(self.reference) == len(self.candidate) == 1 and self.join != "directions"


@dataclass(frozen=True)
class LayerAlignment:
    """Every module of both traces in exactly one place: a pair, `only_in_ref`, or `only_in_cand`.

    Attributes:
        pairs: In the order in which the reference's modules ended.
        orders: Per number of axes, how the candidate orders them in terms of the reference's:
            `candidate.transpose(order)` is the reference's. Missing where nothing established it:
            then they are taken as they are.
        never_ran: Modules that the manifests list and nothing called, of either side.
    """

    pairs: tuple[LayerPair, ...]
    only_in_ref: tuple[str, ...] = ()
    only_in_cand: tuple[str, ...] = ()
    orders: Mapping[int, AxisOrder] = field(default_factory=dict)
    skips: tuple[Skip, ...] = ()

    @property
    def names(self) -> dict[str, str]:
        """Reference path to candidate path, where one module is one module."""
        return {pair.a: pair.b for pair in self.pairs if pair.is_single}

    @property
    def doubts(self) -> tuple[LayerPair, ...]:
        return tuple(pair for pair in self.pairs if pair.doubt)


def collect_paired_paths(pairs: Iterable[LayerPair]) -> tuple[set[str], set[str]]:
    """The modules of the reference and of the candidate that are in one of these pairs."""
    reference_paths: set[str] = set()
    candidate_paths: set[str] = set()
    for pair in pairs:
        reference_paths.update(pair.reference)
        candidate_paths.update(pair.candidate)
    return reference_paths, candidate_paths
