"""Who explains what: each unequal pair and each tensor without a partner is claimed by the one rule that explains it best.

A rule for a `DiffSubject` may have `PRECEDENCE` and `claim(subject, open_items)`. Rules are asked in order of precedence
(lowest first), see only what is still open, and give the places that they explain. What a place names is closed by it, so a
symptom of one cause is not reported as another.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from auscult.align.records import Match
from auscult.rules.diff.subject import ClaimedPlace, DiffSubject, Role

OPEN_KEY = "open"
"""Evidence of a place that explains only part of what is there (a layout, of values that differ too): others may claim it."""


@dataclass
class OpenItems:
    """What no rule has explained yet: unequal pairs, and tensors with no partner.

    Attributes:
        missing: Names of the reference for which the candidate has nothing.
        surplus: Names of the candidate for which the reference has nothing.
    """

    subject: DiffSubject
    unequal_matches: list[Match] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    surplus: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, subject: DiffSubject) -> OpenItems:
        return cls(
            subject, list(subject.unequal_matches), list(subject.missing), list(subject.surplus)
        )

    def unmatched_names(self, role: Role) -> list[str]:
        """Names of one side for which the other has nothing."""
        if role == "reference":
            return self.missing
        return self.surplus

    @property
    def unfilled(self) -> list[str]:
        """Names of the target for which the source has no weights."""
        return self.unmatched_names(self.subject.target_role)

    @property
    def unplaced(self) -> list[str]:
        """Names of the source for which the target has no place."""
        return self.unmatched_names(self.subject.source_role)

    def caused_by(self, cause: str) -> list[Match]:
        """Unequal pairs to which content alignment has already given that cause."""
        return [match for match in self.unequal_matches if match.cause == cause]

    def close(self, places: Iterable[ClaimedPlace]) -> None:
        """Take what these places explain off the lists."""
        explained_names: set[str] = set()
        explained_matches: set[int] = set()
        for place in places:
            if place.evidence.get(OPEN_KEY):
                continue
            if place.match is not None:
                explained_matches.add(id(place.match))
            else:
                explained_names.update(place.where)
        self.unequal_matches = [
            match for match in self.unequal_matches if id(match) not in explained_matches
        ]
        self.missing = [name for name in self.missing if name not in explained_names]
        self.surplus = [name for name in self.surplus if name not in explained_names]


def settle_claims(subject: DiffSubject) -> Mapping[str, tuple[ClaimedPlace, ...]]:
    """Ask every rule in order of precedence; the places of each cause, in the order in which they were found."""
    from auscult.rules import every_rule

    claiming_rules = [
        (rule, rule.claim)
        for rule in every_rule("diff")
        if rule.requires is DiffSubject and rule.claim is not None
    ]
    items = OpenItems.of(subject)
    result: dict[str, tuple[ClaimedPlace, ...]] = {}
    for rule, claim in sorted(claiming_rules, key=lambda pair: pair[0].precedence):
        places = tuple(claim(subject, items))
        if places:
            result[rule.name] = (*result.get(rule.name, ()), *places)
            if rule.closes:
                items.close(places)
    return result
