"""Matches by what their operations amount to: the cause that content alignment gave, or the one that the operations imply."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import replace

from auscult.align.records import Match
from auscult.facts.words import format_count
from auscult.finding import Finding, Fix, Safety, Severity
from auscult.recipe.op import Op
from auscult.rules.diff.claims import OPEN_KEY, OpenItems
from auscult.rules.diff.evidence.repair import (
    describe_direction,
    format_entries,
    list_repairs,
)
from auscult.rules.diff.subject import ClaimedPlace, DiffSubject
from auscult.verdict import Equality

_ATTENTION_NAME = re.compile(r"qkv|kv|in_proj|c_attn|att(entio)?n|query|to_[qkv]", re.IGNORECASE)
_CAUSE_OF_OP = {
    "fuse_weight_norm": "weight-norm-unfused",
    "split_weight_norm": "weight-norm-unfused",
    "interleave": "qkv-order",
    "deinterleave": "qkv-order",
    "sum": "gate-order",
    "fold_batch_norm": "norm-folded",
    "fold_scale": "norm-folded",
    "fold_layer_norm": "norm-folded",
    "merge_lora": "lora-unmerged",
    "log": "snake-parametrisation",
    "exp": "snake-parametrisation",
    "fortran": "layout-fortran",
    "byteswap": "wrong-dtype",
    "reinterpret": "wrong-dtype",
}

_NO_CAUSES: frozenset[str] = frozenset()


def find_causes(match: Match) -> frozenset[str]:
    """Every cause that a match shows by itself: the given one, and one per telling operation."""
    if not match.ops:
        if match.cause is None:
            return _NO_CAUSES
        return frozenset((match.cause,))
    causes = {cause for op in match.ops if (cause := _find_cause(op, match))}
    if match.cause is not None:
        # an alignment knows more than the bare operation: a fused weight that only fits over the wrong axis is not "unfused"
        causes = {match.cause, *(cause for cause in causes if not _is_shadowed(cause, match.cause))}
    return frozenset(causes)


def _is_shadowed(cause: str, shadowing_cause: str) -> bool:
    shadowing_pairs = (
        ("weight-norm", "weight-norm"),
        ("weight-norm", "channel-gain"),
        ("qkv", "gate"),
        ("gate", "qkv"),
        ("layout-fortran", "layout"),
        ("qkv", "rows-reordered"),
        ("gate", "rows-reordered"),
    )
    return cause != shadowing_cause and any(
        cause.startswith(cause_prefix) and shadowing_cause.startswith(shadowing_prefix)
        for cause_prefix, shadowing_prefix in shadowing_pairs
    )


def _find_cause(op: Op, match: Match) -> str | None:
    if op.op == "reorder_blocks":
        if _is_attention(match):
            return "qkv-order"
        return "gate-order"
    if op.op in {"concat", "split"}:
        if _is_attention(match):
            return "qkv-fused"
        return None
    return _CAUSE_OF_OP.get(op.op)


def _is_attention(match: Match) -> bool:
    """Whether the names of either side are those of an attention."""
    return any(_ATTENTION_NAME.search(names[0]) for names in (match.a, match.b))


def find_caused_places(subject: DiffSubject, cause: str) -> tuple[ClaimedPlace, ...]:
    """The matches that show that cause, in order."""
    return tuple(
        ClaimedPlace(match.b, match, dict(match.evidence))
        for match in subject.matches_by_cause.get(cause, ())
    )


def make_operation_claim(cause: str) -> Callable[[DiffSubject, OpenItems], Iterable[ClaimedPlace]]:
    """The `claim` of a rule that needs nothing but the matches that show its cause."""
    return lambda subject, items: find_caused_places(subject, cause)  # noqa: ARG005  the claim of a rule is given both


def make_equal_claim(cause: str) -> Callable[[DiffSubject, OpenItems], Iterable[ClaimedPlace]]:
    """The same for a form that is no fault by itself: where the values are others too, the difference stays open to other rules."""

    def claim(subject: DiffSubject, items: OpenItems) -> Iterable[ClaimedPlace]:  # noqa: ARG001
        for place in find_caused_places(subject, cause):
            is_open = place.match is not None and place.match.equality is Equality.DIFFERENT
            yield replace(place, evidence={**place.evidence, OPEN_KEY: is_open})

    return claim


def make_check(
    code: str,
    cause: str,
    message: str | Callable[[DiffSubject], str],
    *,
    severity: Callable[[DiffSubject], Severity],
    rank: int,
    summary: str,
) -> Callable[[DiffSubject], Iterable[Finding]]:
    """The `check` of a rule that has one thing to say of all the places that it claimed."""

    def check(subject: DiffSubject) -> Iterable[Finding]:
        places = subject.places.get(cause, ())
        if places:
            words = message if isinstance(message, str) else message(subject)
            yield build_operation_finding(
                Finding(code, cause, severity(subject), (), words, rank=rank),
                subject,
                places,
                summary,
            )

    return check


def make_constant_severity(severity: Severity) -> Callable[[DiffSubject], Severity]:
    """That severity, whatever the subject."""
    return lambda subject: severity  # noqa: ARG005


def judge_code_severity(subject: DiffSubject) -> Severity:
    """An error where live code would be loaded with it; between two files it is another way to say the same."""
    if subject.compares_shapes:
        return Severity.ERROR
    return Severity.INFO


def build_operation_finding(
    blank: Finding, subject: DiffSubject, places: tuple[ClaimedPlace, ...], summary: str
) -> Finding:
    """One finding over matches that a recipe repairs (or, where nothing makes them equal, that none does).

    Args:
        blank: The finding without places: its code, cause, severity, rank, and what its message begins with.
        summary: What a repair does.
    """
    matches = [place.match for place in places if place.match is not None]
    names = tuple(dict.fromkeys(name for place in places for name in place.where))
    return replace(
        blank,
        where=names,
        message=f"{blank.message} ({format_count(len(names), 'tensor')})",
        count=len(names),
        evidence={
            "matches": len(matches),
            "ops": sorted({op.op for match in matches for op in match.ops}),
            "largest_error": max((match.error for match in matches), default=0.0),
        },
        fix=_build_operation_fix(subject, matches, summary),
    )


def _build_operation_fix(subject: DiffSubject, matches: list[Match], summary: str) -> Fix | None:
    """The recipe over those matches that it can repair; None where it can repair none."""
    repairs = list_repairs(subject, matches)
    if not repairs:
        return None
    if all(op.lossless for repair in repairs for op in repair.ops):
        safety: Safety = "safe"
    else:
        safety = "lossy"
    return Fix(safety, f"{summary}, {describe_direction(subject)}", recipe=format_entries(repairs))
