"""What the rules of `diff` look at: two checkpoints and their alignment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from auscult.verdict import Equality

if TYPE_CHECKING:  # each part of the evidence is imported when a rule first asks for it
    from auscult.align.kinds import LayerKind
    from auscult.align.records import Match, WeightAlignment
    from auscult.rules.diff.evidence.correspondence import NameCorrespondence
    from auscult.rules.diff.evidence.damage import MeasuredPair
    from auscult.rules.diff.evidence.permutations import LayerLayout
    from auscult.weights import Checkpoint


@dataclass(frozen=True)
class ClaimedPlace:
    """One place of a cause: the names to point at, the match behind them (if any), and numbers."""

    where: tuple[str, ...]
    match: Match | None = None
    evidence: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class DiffSubject:
    """Two checkpoints and their alignment: `a` is what one has, `b` what it is measured against, a reference or a model.

    Attributes:
        b_is_template: Whether `b` is code whose weights are only an initialisation, so that names and shapes were compared.
        choices: What the detected family computes without a tensor to show it: (field, values, meaning).
    """

    a: Checkpoint
    b: Checkpoint
    alignment: WeightAlignment
    b_is_template: bool = False
    choices: tuple[Any, ...] = ()

    @property
    def absent(self) -> tuple[str, ...]:
        """Names of `b` for which `a` has nothing."""
        return self.alignment.only_in_b

    @property
    def surplus(self) -> tuple[str, ...]:
        """Names of `a` for which `b` has no place."""
        return self.alignment.only_in_a

    @property
    def unequal_matches(self) -> tuple[Match, ...]:
        """Pairs that stay unequal whatever the operations."""
        return tuple(
            match for match in self.alignment.matches if match.equality is Equality.DIFFERENT
        )

    @cached_property
    def layers(self) -> tuple[LayerLayout, ...]:
        """Every weight found on both sides, with its kind and its permutation."""
        from auscult.rules.diff.evidence.permutations import find_layers

        return find_layers(self)

    @cached_property
    def minority_layers(self) -> Mapping[LayerKind, tuple[LayerLayout, ...]]:
        """Per kind of convolution that is in two layouts, the fewer layers of the two."""
        from auscult.rules.diff.evidence.permutations import find_minority_layers

        return find_minority_layers(self)

    @cached_property
    def pairs(self) -> Mapping[int, MeasuredPair]:
        """Unequal pairs of one shape, measured, by `id` of the match."""
        from auscult.rules.diff.evidence.damage import measure_pairs

        return measure_pairs(self)

    @cached_property
    def matches_by_cause(self) -> Mapping[str, tuple[Match, ...]]:
        """For each cause, the matches that show it by themselves, in order."""
        from auscult.rules.diff.evidence.operations import find_causes

        collected_matches: dict[str, list[Match]] = {}
        for match in self.alignment.matches:
            for cause in find_causes(match):
                collected_matches.setdefault(cause, []).append(match)
        return {cause: tuple(matches) for cause, matches in collected_matches.items()}

    @cached_property
    def has_column_major_tensors(self) -> bool:
        """Whether any tensor is in the wrong memory order."""
        all_matches = self.alignment.matches
        distinct_ops = {
            id(match.ops): match.ops for match in all_matches
        }  # most matches share theirs
        return any(op.op == "fortran" for ops in distinct_ops.values() for op in ops) or any(
            match.cause == "layout-fortran" for match in all_matches
        )

    @cached_property
    def names(self) -> NameCorrespondence:
        """Prefix, renames and exchanges between the names of the two sides."""
        from auscult.rules.diff.evidence.correspondence import find_correspondence

        return find_correspondence(self)

    @cached_property
    def places(self) -> Mapping[str, tuple[ClaimedPlace, ...]]:
        """For each cause, the places that its rule claimed; an open item is claimed once."""
        from auscult.rules.diff.claims import settle_claims

        return settle_claims(self)
