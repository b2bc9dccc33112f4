"""What the rules of `diff` look at: a reference, a candidate, and their alignment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

from auscult.verdict import Equality

if TYPE_CHECKING:  # each part of the evidence is imported when a rule first asks for it
    from auscult.align.records import Match, WeightAlignment
    from auscult.facts.layers import LayerKind
    from auscult.rules.diff.evidence.correspondence import NameCorrespondence
    from auscult.rules.diff.evidence.damage import MeasuredPair
    from auscult.rules.diff.evidence.permutations import LayerLayout
    from auscult.weights import Checkpoint

Role = Literal["reference", "candidate"]
ROLES: tuple[Role, Role] = ("reference", "candidate")
SIDE_KEYS: Mapping[Role, Literal["a", "b"]] = {"reference": "a", "candidate": "b"}
"""How a role is called in JSON."""


@dataclass(frozen=True)
class ClaimedPlace:
    """One place of a cause: the names to point at, the match behind them (if any), and numbers."""

    where: tuple[str, ...]
    match: Match | None = None
    evidence: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class DiffSubject:
    """A reference, a candidate that is held against it, and their alignment.

    Weights also have a direction: they are loaded from a `source` into a `target`. The source is the candidate, except where the
    candidate is code and the reference a checkpoint that this code loads.

    Attributes:
        alignment: Side a is the reference, side b the candidate.
        compares_shapes: Whether one side is code that holds only its initial weights, so that names and shapes were compared.
        choices: What the detected family computes without a tensor to show it: (field, values, meaning).
    """

    reference: Checkpoint
    candidate: Checkpoint
    alignment: WeightAlignment
    compares_shapes: bool = False
    choices: tuple[Any, ...] = ()

    @cached_property
    def source_role(self) -> Role:
        """The side whose weights are loaded, and which `--fix` writes anew."""
        if self.candidate.is_code and not self.reference.is_code:
            return "reference"
        return "candidate"

    @cached_property
    def target_role(self) -> Role:
        """The side that the weights are loaded into, and whose form `--fix` writes."""
        if self.source_role == "reference":
            return "candidate"
        return "reference"

    @cached_property
    def source(self) -> Checkpoint:
        return self.checkpoint(self.source_role)

    @cached_property
    def target(self) -> Checkpoint:
        return self.checkpoint(self.target_role)

    def checkpoint(self, role: Role) -> Checkpoint:
        """The side that has this role."""
        if role == "reference":
            return self.reference
        return self.candidate

    def noun(self, role: Role) -> str:
        """The word for a side in a message: `model` and `checkpoint` where one side is code, else its role."""
        if self.reference.is_code == self.candidate.is_code:
            return role
        if self.checkpoint(role).is_code:
            return "model"
        return "checkpoint"

    def names_of(self, match: Match, role: Role) -> tuple[str, ...]:
        """A match's names on one side."""
        if role == "reference":
            return match.a
        return match.b

    def source_names(self, match: Match) -> tuple[str, ...]:
        """A match's names on the side of the source."""
        return self.names_of(match, self.source_role)

    def target_names(self, match: Match) -> tuple[str, ...]:
        """A match's names on the side of the target."""
        return self.names_of(match, self.target_role)

    @property
    def missing(self) -> tuple[str, ...]:
        """Names of the reference for which the candidate has nothing."""
        return self.alignment.only_in_a

    @property
    def surplus(self) -> tuple[str, ...]:
        """Names of the candidate for which the reference has nothing."""
        return self.alignment.only_in_b

    @cached_property
    def wide_match_count(self) -> int:
        """How many matches are of more than a scalar."""
        reference = self.reference.tensors
        return sum(bool(reference[match.a[0]].shape) for match in self.alignment.matches)

    @cached_property
    def unequal_matches(self) -> tuple[Match, ...]:
        """Pairs that stay unequal whatever the operations."""
        return tuple(
            match for match in self.alignment.matches if match.equality is Equality.DIFFERENT
        )

    def repair(self, match: Match) -> Match:
        """The match as a way from the source (its side a) to the target (its side b)."""
        from auscult.align.reverse import reverse_match

        if self.source_role == "reference":
            return match
        return reverse_match(match)

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
