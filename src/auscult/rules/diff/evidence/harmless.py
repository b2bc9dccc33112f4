"""The one finding of a rule that gathers tensors which change nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TypeVar

from auscult.facts.words import format_count
from auscult.finding import Finding, Fix, Severity
from auscult.rules.diff.subject import ClaimedPlace

Kind = TypeVar("Kind", bound=str)


def build_harmless_finding(
    code: str,
    cause: str,
    places: Sequence[ClaimedPlace],
    descriptions: Mapping[Kind, tuple[str, str]],
    *,
    more_evidence: Mapping[str, int] | None = None,
    fix: Fix | None = None,
    rank: int,
) -> Finding:
    """How many tensors of each kind there are, and on which side.

    Args:
        places: With `kind` and `side` (`a`, `b`, `both`) in their evidence.
        descriptions: Noun and what is said of it, by kind.
    """
    counts = Counter(place.evidence["kind"] for place in places)
    return Finding(
        code,
        cause,
        Severity.INFO,
        tuple(name for place in places for name in place.where),
        "; ".join(
            f"{format_count(counts[kind], noun)} {rest}"
            for kind, (noun, rest) in descriptions.items()
            if counts[kind]
        ),
        evidence={
            side: sum(place.evidence["side"] == side for place in places)
            for side in ("a", "b", "both")
        }
        | dict(more_evidence or {}),
        fix=fix,
        rank=rank,
    )
