"""What an alignment is: which tensors on side a are which on side b, through which operations, how sure.

Where one side is what the other is held against, side a is the reference and side b the candidate.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from auscult.finding import Skip
from auscult.recipe.op import Op
from auscult.verdict import Coverage, Equality

MatchBasis = Literal["content", "name", "structure", "neighbours"]


@dataclass(slots=True)  # not frozen, as `Tensor`
class Match:
    """Tensors of side a that are tensors of side b after `ops`.

    Attributes:
        error: Relative error ‖b - ops(a)‖ / ‖b‖ over all targets (0.0 when exact).
        number_format: The coarser format that explains a `close` equality, such as `float16` or `int8`.
        by: What established the pair. `content` is confirmed on the elements; `neighbours` settled a tie of equal content.
        cause: The name of the defect that the ops amount to, where a hypothesis gave one.
        fault: Whether the difference is never right by convention (a swap, a scramble), as opposed to another convention.
        evidence: Numbers for the report. `confirmed` = "from b to a" where the elements were compared on side a, because `ops`
            leave something free (splitting a weight norm gives one of many equal pairs).
        backward: `ops` lead from b to a, because there is no way from a to b (a sum, a folded norm, a merged LoRA).
        after: Per target, what follows `ops` on that target alone; empty where nothing does.
    """

    a: tuple[str, ...]
    b: tuple[str, ...]
    ops: tuple[Op, ...]
    equality: Equality
    by: MatchBasis
    error: float = 0.0
    number_format: str | None = None
    cause: str | None = None
    fault: bool = False
    evidence: Mapping[str, Any] = field(default_factory=dict)
    backward: bool = False
    after: tuple[tuple[Op, ...], ...] = ()

    @property
    def identical(self) -> bool:
        """Exact with no ops: the same bits, whatever the name."""
        return self.equality is Equality.EXACT and not self.ops


@dataclass(frozen=True)
class WeightAlignment:
    """Every tensor of both sides in exactly one place: a match, `only_in_a`, `only_in_b`, or a skip.

    Attributes:
        skips: Tensors that could not be read, with the reason; their names are `unread_a` and `unread_b`, with those
            of their partners, which were there and could not be compared.
        ambiguous: Per match that no name settled (by its first b name), other a names whose content is just as equal.
        copies_a: Per name of `only_in_a`, a matched name of a with the same content: a tied weight that was saved twice.
        copies_b: The same for b.
    """

    matches: tuple[Match, ...]
    only_in_a: tuple[str, ...]
    only_in_b: tuple[str, ...]
    skips: tuple[Skip, ...] = ()
    ambiguous: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    unread_a: tuple[str, ...] = ()
    unread_b: tuple[str, ...] = ()
    copies_a: Mapping[str, str] = field(default_factory=dict)
    copies_b: Mapping[str, str] = field(default_factory=dict)

    def coverage(self) -> Coverage:
        """Tensors of both sides, each counted once: a match counts the tensors of its larger side."""
        buckets = dict.fromkeys(
            ("identical", "equivalent", "close", "different", "only_in_a", "only_in_b", "skipped"),
            0,
        )
        for match in self.matches:
            buckets[classify_match(match)] += max(len(match.a), len(match.b))
        buckets["only_in_a"] = len(self.only_in_a)
        buckets["only_in_b"] = len(self.only_in_b)
        buckets["skipped"] = len(self.skips)
        return Coverage("tensors", buckets)


def classify_match(match: Match) -> str:
    """`identical` = exact with no ops; `equivalent` = exact or close after ops; `close` = close with no ops.

    Content found under the name of something else (`swapped`) is equivalent, not identical: it must be moved to be right.
    """
    if match.equality is Equality.DIFFERENT:
        return "different"
    if match.ops or match.fault:
        return "equivalent"
    if match.identical:
        return "identical"
    return "close"
